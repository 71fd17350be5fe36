/** The matrix as a table for people: a line for each program, and below it why kernels differ. */
import { errnoName } from '../../bpf/errno-name.ts';
import { oneLine } from '../report/text.ts';
import { differs, type Matrix, type MatrixCell, type MatrixRow } from './matrix.ts';

/** Longest name that widens its column. */
const WIDEST = 56;
const GAP = '  ';

export interface MatrixTextOptions {
  /** Leave out programs that all kernels answer alike. */
  readonly onlyDifferent?: boolean;
}

export function matrixText({ kernels, rows, failures }: Matrix, options: MatrixTextOptions = {}): string {
  const shown = options.onlyDifferent ? rows.filter(differs) : rows;
  const table = [
    ['', ...kernels],
    ...shown.map((row) => [nameOf(row), ...kernels.map((kernel) => cellText(row, kernel))]),
  ];
  const widths = table[0]?.map((_, column) =>
    Math.min(WIDEST, Math.max(...table.map((line) => (line[column] ?? '').length))),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths?.[column] ?? 0))
      .join(GAP)
      .trimEnd();
  const [head = [], ...body] = table;
  const lines = shown.length > 0 ? [line(head)] : [];
  body.forEach((cells, index) => {
    lines.push(line(cells));
    const difference = shown[index]?.difference;
    if (difference !== undefined) lines.push(`${GAP}${oneLine(difference)}`);
  });
  lines.push(
    ...failures.map(({ file, kernel, reason }) => `${oneLine(file)}, on ${kernel}: ${oneLine(reason)}`),
  );
  return `${[...lines, '', summary({ kernels, rows, failures })].join('\n')}\n`;
}

function nameOf({ file, program }: MatrixRow): string {
  return oneLine(`${file} ${program}`);
}

function cellText({ cells }: MatrixRow, kernel: string): string {
  const cell = cells.find((each) => each.kernel === kernel);
  return cell ? outcomeText(cell) : '-';
}

function outcomeText({ verdict, errno, stats }: MatrixCell): string {
  if (verdict === 'accepted') return stats ? `ok, ${stats.insns} insns` : 'ok';
  return verdict === 'rejected' ? `rejected, ${errnoName(errno)}` : 'not loaded';
}

function summary({ kernels, rows, failures }: Matrix): string {
  const accepted = kernels.map((kernel) => {
    const count = rows.filter(({ cells }) =>
      cells.some((cell) => cell.kernel === kernel && cell.verdict === 'accepted'),
    ).length;
    return `${kernel} takes ${count}`;
  });
  const different = rows.filter(differs).length;
  const failed = failures.length > 0 ? `; ${failures.length} could not be looked at` : '';
  return `${rows.length} programs: ${accepted.join(', ')}; ${different} differ${failed}`;
}
