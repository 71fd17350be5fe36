/** The playground's templates: the verifier says of each what the template says of itself. */
import { beforeAll, describe, expect, it } from 'vitest';
import { assembledRequest, parseAssembly } from '../../assembly/index.ts';
import type { LoadOptions } from '../../loader/index.ts';
import { TEMPLATES } from '../../playground/assembly/templates.ts';
import { createVerifier } from '../../verifier/node.ts';
import type { Verdict } from '../../verifier/verdict.ts';
import type { Verifier } from '../../verifier/verifier.ts';
import { kernelOptions, LOG_FULL, ROOT } from './support.ts';

let verifier: Verifier;
let kernel: LoadOptions;

beforeAll(async () => {
  verifier = await createVerifier('6.12');
  kernel = kernelOptions();
});

function verify(text: string): Verdict {
  return verifier.verify(assembledRequest(parseAssembly(text), { caps: ROOT, logLevel: LOG_FULL, kernel }));
}

const textOf = (part: string) => TEMPLATES.find(({ name }) => name.includes(part))!.text;

describe('templates', () => {
  it.each(TEMPLATES.map((template) => [template.name, template] as const))('%s', (_, template) => {
    expect(parseAssembly(template.text).errors).toEqual([]);
    const verdict = verify(template.text);
    expect([verdict.accepted, verdict.message]).toEqual([
      template.isAccepted,
      template.isAccepted ? '' : expect.stringMatching(/\w/),
    ]);
  });

  it.each([
    ['bounds check', /^.*try without.*\n/m, '', /^R2 offset is outside of the packet$/],
    ['Bounded loop', 'r1 < 8', 'r1 < 9', /invalid read from stack/],
    ['NULL check', 'bpf_map_lookup_elem\n', 'bpf_map_lookup_elem\nif r0 == 0 goto out\n', undefined],
    ['leaks', /^.*leaves without.*\n/m, '', undefined],
  ])('%s: what its comment proposes has the effect', (part, from, to, message) => {
    const text = textOf(part);
    const changed = text.replace(from, to);
    expect(changed).not.toBe(text);
    const verdict = verify(changed);
    expect(verdict.accepted).toBe(message === undefined);
    if (message) expect(verdict.message).toMatch(message);
  });

  it('say why they are rejected', () => {
    expect(verify(textOf('NULL check')).message).toBe("R0 invalid mem access 'map_value_or_null'");
    expect(verify(textOf('leaks')).message).toMatch(/Unreleased reference|reference leak/);
  });
});
