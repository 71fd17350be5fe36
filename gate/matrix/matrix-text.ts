/** The matrix as a table for people: a line for each program, and below it why kernels differ. */
import { errnoName } from '../../bpf/errno-name.ts';
import { plural } from '../report/summary.ts';
import { oneLine } from '../report/text.ts';
import { differs, type Matrix, type MatrixCell, type MatrixRow } from './matrix.ts';

const INDENT = '  ';
const GAP = '  ';

export interface MatrixTextOptions {
  /** Leave out programs that all kernels answer alike. */
  readonly onlyDifferent?: boolean;
}

export function matrixText(matrix: Matrix, { onlyDifferent }: MatrixTextOptions = {}): string {
  const { kernels, failures } = matrix;
  const rows = onlyDifferent ? matrix.rows.filter(differs) : matrix.rows;
  const lines = rows.length > 0 ? tableLines(kernels, rows) : [];
  lines.push(
    ...failures.map(({ file, kernel, reason }) => `${oneLine(file)}, on ${kernel}: ${oneLine(reason)}`),
  );
  return `${[...lines, '', summary(matrix)].join('\n')}\n`;
}

/** The kernels, then each file with its programs. */
function tableLines(kernels: readonly string[], rows: readonly MatrixRow[]): string[] {
  const cells = rows.map((row) => [
    `${INDENT}${oneLine(row.program)}`,
    ...kernels.map((kernel) => cellText(row, kernel)),
  ]);
  const head = ['', ...kernels];
  const widths = head.map((_, column) =>
    Math.max(...[head, ...cells].map((line) => (line[column] ?? '').length)),
  );
  const line = (texts: readonly string[]) =>
    texts
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join(GAP)
      .trimEnd();
  const lines = [line(head)];
  rows.forEach(({ file, difference }, index) => {
    if (file !== rows[index - 1]?.file) lines.push(oneLine(file));
    lines.push(line(cells[index] ?? []));
    if (difference !== undefined) lines.push(`${INDENT}${INDENT}${oneLine(difference)}`);
  });
  return lines;
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
  return `${plural(rows.length, 'program')}: ${accepted.join(', ')}; ${different} differ${failed}`;
}
