/** Programs that replace functions of programs, or trace them: what Linux 6.12.117 answered to the same loads. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Verifier } from '../../verifier/index.ts';
import { type AttachAnswer, unpackCases } from '../conformance/attach-archive.ts';
import { answerTo, answerToChain, recordedModules, requestOf, startVerifier } from './attach-support.ts';

const OWN = JSON.parse(
  readFileSync(new URL('./golden/attach-6.12.json', import.meta.url), 'utf8'),
) as AttachAnswer[];
const SELFTESTS = unpackCases(
  readFileSync(new URL('../conformance/recorded/attach-6.12.br', import.meta.url)),
);

let verifier: Verifier;

beforeAll(async () => {
  verifier = await startVerifier(recordedModules());
});

describe('programs of objects/', () => {
  it.each(OWN.filter(({ stage }) => stage === 'kernel'))('$case', (recorded) => {
    expect(answerTo(verifier, recorded.case)).toEqual(recorded);
  });

  it.each(OWN.filter(({ stage }) => stage === 'libbpf'))('$case does not get to the kernel', (recorded) => {
    expect(answerTo(verifier, recorded.case).stage).toBe('libbpf');
  });
});

describe("the kernel's selftests", () => {
  it.each(SELFTESTS)('$case', ({ chain, ...recorded }) => {
    expect(answerToChain(verifier, recorded.case, chain)).toEqual(recorded);
  });
});

describe('a request', () => {
  const EINVAL = 22;
  const LSM = 29;
  const replacement = () => requestOf(verifier, 'functions.bpf.o:tc_main replace.bpf.o:int_int=scalar');

  it('of a program that can attach to another one is accepted', () => {
    const { accepted, subprogs } = verifier.verify(replacement());
    expect(accepted).toBe(true);
    expect(subprogs).toEqual([
      { unreliable: false, exceptionCallback: false, changesPacket: false, dead: false },
    ]);
  });

  it('never gets to the verifier when its type does not attach to programs, or not in this way', () => {
    const request = replacement();
    const none = { errno: EINVAL, log: '' };
    expect(verifier.verify({ ...request, progType: LSM, expectedAttachType: 27 })).toMatchObject(none);
    expect(verifier.verify({ ...request, expectedAttachType: 1 })).toMatchObject(none);
    expect(verifier.verify({ ...request, progType: 1 })).toMatchObject(none);
  });

  it.each([
    ['is not translated to machine code', { jited: false }, 'Can attach to only JITed progs'],
    ['has no functions', { functions: [] }, "Subprog scalar doesn't exist"],
    ['is a replacement', { progType: 28 }, 'Cannot recursively attach'],
  ])('is refused when the target %s', (_, changes, message) => {
    const request = replacement();
    if (!request.target) throw new Error('no target');
    const target = { ...request.target, ...changes };
    expect(verifier.verify({ ...request, target })).toMatchObject({ errno: EINVAL, message });
  });

  it('is refused when the target has no BTF', () => {
    const { target, ...request } = replacement();
    if (!target) throw new Error('no target');
    const { btf: _, ...withoutBtf } = target;
    expect(verifier.verify({ ...request, target: withoutBtf })).toMatchObject({
      errno: EINVAL,
      message: 'FENTRY/FEXIT program can only be attached to another program annotated with BTF',
    });
  });

  it.each([
    [0, 'Tracing programs must provide btf_id'],
    [99_999, 'attach_btf_id 99999 is invalid'],
    [1, "Subprog int doesn't exist"],
  ])('is refused when it attaches to type %i', (attachBtfId, message) => {
    expect(verifier.verify({ ...replacement(), attachBtfId })).toMatchObject({ errno: EINVAL, message });
  });

  it('is refused without a target: replacements are not for the kernel', () => {
    const { target: _, ...request } = replacement();
    const message = 'Cannot replace kernel functions';
    expect(verifier.verify({ ...request, attachBtfId: 1 })).toMatchObject({ errno: EINVAL, message });
  });

  it('cannot be made of a program whose target is not given', () => {
    expect(() => requestOf(verifier, 'functions.bpf.o:tc_main replace.bpf.o:int_int=scalar', false)).toThrow(
      "'int_int' attaches to 'tc_main', which is not given",
    );
  });
});
