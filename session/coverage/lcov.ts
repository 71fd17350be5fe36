/** Coverage as a tracefile of lcov (geninfo(1), "TRACEFILE FORMAT"), which genhtml and most services read. */
import type { BranchCoverage, FileCoverage } from './source-coverage.ts';

/** @param resolve path of a source file as it is to stand in the tracefile. */
export function lcovText(files: readonly FileCoverage[], resolve: (path: string) => string): string {
  return files.map((file) => `${fileLines(file, resolve(file.path)).join('\n')}\n`).join('');
}

function fileLines(file: FileCoverage, path: string): string[] {
  const { functions, lines, branches } = file;
  const counts = [...lines].sort(([a], [b]) => a - b);
  const taken = branches.flatMap(({ fell, jumped }) => [fell, jumped]);
  return [
    'TN:',
    `SF:${path}`,
    ...functions.map(({ line, name }) => `FN:${line},${name}`),
    ...functions.map(({ calls, name }) => `FNDA:${calls},${name}`),
    `FNF:${functions.length}`,
    `FNH:${functions.filter(({ calls }) => calls > 0).length}`,
    ...branchLines(branches),
    `BRF:${taken.length}`,
    `BRH:${taken.filter((count) => count > 0).length}`,
    ...counts.map(([line, count]) => `DA:${line},${count}`),
    `LF:${counts.length}`,
    `LH:${counts.filter(([, count]) => count > 0).length}`,
    'end_of_record',
  ];
}

/** A block for each conditional jump: branch 0 goes on, branch 1 jumps; "-" where the jump was never reached. */
function branchLines(branches: readonly BranchCoverage[]): string[] {
  const sorted = branches.map((branch, block) => ({ ...branch, block })).sort((a, b) => a.line - b.line);
  return sorted.flatMap(({ line, fell, jumped, block }) => {
    const reached = fell + jumped > 0;
    return [fell, jumped].map((count, i) => `BRDA:${line},${block},${i},${reached ? count : '-'}`);
  });
}
