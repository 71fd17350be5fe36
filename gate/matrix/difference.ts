/** In one line, why a kernel does not take a program that another kernel takes. */
import type { VerifyResult } from '../check.ts';

/** What a verifier's or the loader's message comes down to where another kernel has no objection. */
const REASONS: readonly {
  readonly message: RegExp;
  readonly reason: (match: readonly string[]) => string;
}[] = [
  {
    message: /^unknown func (\w+)#(\d+)$/,
    reason: ([, name, id]) => `it has no helper ${name} (${id})`,
  },
  {
    message: /^invalid func unknown#(\d+)$/,
    reason: ([, id]) => `it has no helper ${id}`,
  },
  {
    message: /^program of this type cannot use helper (\w+)#(\d+)$/,
    reason: ([, name]) => `programs of this type may not call ${name} there`,
  },
  {
    message: /^calling kernel function (\w+) is not allowed$/,
    reason: ([, name]) => `programs of this type may not call the kfunc ${name} there`,
  },
  {
    message: /^extern \(func ksym\) '(\w+)': not found in kernel or module BTFs$/,
    reason: ([, name]) => `it has no kfunc ${name}, which the object needs`,
  },
  {
    message: /^extern \(var ksym\) '(\w+)': not found in kernel BTF$/,
    reason: ([, name]) => `it has no variable ${name}, which the object needs`,
  },
];

/** "6.1 rejects it: it has no helper bpf_loop (181)" */
export function differenceOf(cells: readonly (VerifyResult & { readonly kernel: string })[]): string {
  const refusing = cells.find(({ verdict }) => verdict !== 'accepted');
  if (!refusing) return '';
  const { kernel, verdict, message, missing, source } = refusing;
  const what = verdict === 'rejected' ? 'rejects it' : 'does not get it';
  const where = source && verdict === 'rejected' ? `, at ${source.file}:${source.line}` : '';
  return `${kernel} ${what}: ${missing === undefined ? reasonOf(message) : `it has no ${missing}`}${where}`;
}

function reasonOf(message: string): string {
  for (const { message: pattern, reason } of REASONS) {
    const match = pattern.exec(message);
    if (match) return reason(match);
  }
  return message;
}
