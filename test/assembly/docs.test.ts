/** The example of docs/assembly.md is what the verifier says. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { assembledRequest, parseAssembly } from '../../assembly/index.ts';
import { createVerifier } from '../../verifier/node.ts';
import { ROOT } from './support.ts';

const DOCS = readFileSync(new URL('../../docs/assembly.md', import.meta.url), 'utf8');
const [program, log, error] = [...DOCS.matchAll(/^```\n(.*?)^```/gms)].map((match) => match[1]!);

it('shows the log of its program', async () => {
  const verifier = await createVerifier('6.12');
  const source = parseAssembly(program!);
  const verdict = verifier.verify(assembledRequest(source, { caps: ROOT, logLevel: 1 }));
  expect(verdict.log).toBe(log);
  expect(DOCS).toContain(`at line ${source.lineOfSlot[verdict.insn]} of the text`);
});

it('shows the error of a misspelt helper', () => {
  const { errors } = parseAssembly(`.type xdp\n\n\n\n\n\n  call bpf_map_lookup_elm`);
  const [first] = errors;
  expect(error).toBe(
    `line ${first!.line}, column ${first!.column}: call bpf_map_lookup_elm\n${first!.message}\n`,
  );
});
