/** The configuration that a project begins with: the objects that are there, and what does not load yet as known. */
import { stringify } from 'yaml';
import type { Check } from './check.ts';

const HEAD = `# What "drydock gate" checks. All fields: gate/config/schema.json, and docs/gate.md.
`;

/** Objects in one folder or below are one pattern; a folder with others beside it does not hide them. */
export function patternsFor(files: readonly string[]): string[] {
  const folders = new Set(files.map((file) => file.slice(0, file.lastIndexOf('/') + 1)));
  return [...folders].sort().map((folder) => `${folder}*.bpf.o`);
}

/** @param checks of the objects, with nothing allowed. */
export function starterConfig(files: readonly string[], kernel: string, checks: readonly Check[]): string {
  const failed = checks.filter(({ status }) => status === 'failed');
  const parts = [
    HEAD,
    stringify({ objects: patternsFor(files), kernels: [kernel] }),
    '\n# Most that a program may grow against drydock-baseline.csv ("drydock gate --update-baseline" writes it).\n',
    stringify({ growth: [{ insns: '10%', states: '20%' }] }),
  ];
  if (failed.length > 0) {
    parts.push('\n# Known when this file was made. Each may get a last day: expires: 2030-12-31\n');
    parts.push(stringify({ allow: failed.map(allowanceOf) }));
  }
  return parts.join('');
}

function allowanceOf({ kind, file, name }: Check) {
  const reason = 'known when the gate began';
  // Names are patterns there.
  const object = escaped(file);
  return kind === 'object'
    ? { object, rule: 'unloadable', reason }
    : { object, program: escaped(name), reason };
}

function escaped(name: string): string {
  return name.replace(/[*?[\]{}()!+@\\]/g, '\\$&');
}
