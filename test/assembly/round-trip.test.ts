/** Programs of the repository as assembly: the same instructions come of it, and the same verdict where types do not count. */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { assembledRequest, disassembleToAssembly, parseAssembly } from '../../assembly/index.ts';
import { encodeInsn } from '../../bpf/decode.ts';
import { FORMS } from '../../bpf/opcodes.ts';
import { type LoadOptions, loadObject, type Program } from '../../loader/index.ts';
import type { LoadRequest, MapInfo } from '../../verifier/load-request.ts';
import { createVerifier } from '../../verifier/node.ts';
import { programRequest } from '../../verifier/program-request.ts';
import type { Verifier } from '../../verifier/verifier.ts';
import { kernelOptions, PROGRAMS, ROOT, STATS } from './support.ts';

const OBJECTS = readdirSync(PROGRAMS, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.bpf.o'))
  .map((file) => file.replaceAll('\\', '/'))
  .sort();

let verifier: Verifier;
let kernel: LoadOptions;

beforeAll(async () => {
  verifier = await createVerifier('6.12');
  kernel = kernelOptions();
});

function factsOf(request: LoadRequest) {
  const { progType, expectedAttachType, progFlags, license, attachBtfId, attachBtf, kfuncBtfs } = request;
  return { progType, expectedAttachType, progFlags, license, attachBtfId, attachBtf, kfuncBtfs };
}

/** What text says of a map. */
function sizesOf({ type, keySize, valueSize, maxEntries, flags, extra, inner, data, frozen }: MapInfo) {
  const content = data ? Buffer.from(data).toString('hex') : '';
  return { type, keySize, valueSize, maxEntries, flags, extra, inner, frozen, content };
}

describe('programs of the repository', () => {
  it('are there', () => expect(OBJECTS.length).toBeGreaterThan(30));

  it.each(OBJECTS)('%s', { timeout: 120_000 }, (file) => {
    const object = loadObject(readFileSync(new URL(file, PROGRAMS)), { ...kernel, file, programs: 'all' });
    for (const program of object.programs) {
      if (program.error !== undefined || !program.prepared) continue;
      const text = disassembleToAssembly(object, program);
      const source = parseAssembly(text);
      const where = `${file}: ${program.name}`;
      expect(source.errors, where).toEqual([]);
      expect(Buffer.from(source.insns).equals(program.insns), where).toBe(true);
      const request = assembledRequest(source, { caps: ROOT, logLevel: STATS, kernel });
      const wanted = programRequest(object, program, { caps: ROOT, logLevel: STATS });
      expect(factsOf(request)).toEqual(factsOf(wanted));
      expect(request.maps.map(sizesOf), where).toEqual(wanted.maps.map(sizesOf));
    }
  });

  it.each(['task/task', 'task_file/task_file', 'accepted/null', 'rejected/null', 'rejected/bounds'])(
    '%s: the same verdict',
    (name) => {
      const file = `${name}.bpf.o`;
      const object = loadObject(readFileSync(new URL(file, PROGRAMS)), { ...kernel, file });
      for (const program of object.programs) {
        const options = { caps: ROOT, logLevel: STATS };
        const wanted = verifier.verify(programRequest(object, program, options));
        const source = parseAssembly(disassembleToAssembly(object, program));
        const verdict = verifier.verify(assembledRequest(source, { ...options, kernel }));
        expect([verdict.accepted, verdict.message, verdict.insn]).toEqual([
          wanted.accepted,
          wanted.message,
          wanted.insn,
        ]);
      }
    },
  );
});

/** Instructions of every form, with operands that do not stand in its text left zero. */
const INSNS = fc.constantFrom(...FORMS).chain((form) => {
  const shows = (...operands: string[]) => form.operands.some((operand) => operands.includes(operand));
  const register = fc.integer({ min: 0, max: 10 });
  const small = fc.integer({ min: -12, max: 12 });
  return fc.record({
    code: fc.constant(form.code),
    dst: shows('dst', 'wdst') ? register : fc.constant(0),
    src: shows('src', 'wsrc') ? register : fc.constant(form.fixed.src ?? 0),
    offset: shows('off', 'pc') ? small : fc.constant(form.fixed.offset ?? 0),
    imm: shows('kfunc')
      ? fc.nat()
      : shows('imm', 'hex', 'pcimm', 'imm64', 'helper', 'immlow')
        ? small
        : fc.constant(form.fixed.imm ?? 0),
    imm2: shows('imm64', 'imm2', 'off2') ? small : fc.constant(0),
  });
});

it('gives random programs back: jumps into the middle of instructions and out of the program too', () => {
  fc.assert(
    fc.property(fc.array(INSNS, { minLength: 1, maxLength: 30 }), (fields) => {
      const insns = new Uint8Array(Buffer.concat(fields.map(encodeInsn)));
      const program: Program = {
        name: 'any',
        section: 'socket',
        type: 1,
        expectedAttachType: 0,
        flags: 0,
        autoload: true,
        prepared: true,
        insns,
        subprogs: [{ name: 'any', start: 0 }],
        funcInfo: [],
        lineInfo: [],
        missing: [],
      };
      const text = disassembleToAssembly({ license: 'GPL', maps: [], modules: ['vmlinux'] }, program);
      const source = parseAssembly(text);
      expect(source.errors).toEqual([]);
      expect(source.insns).toEqual(insns);
    }),
    { seed: 3, numRuns: 300 },
  );
});
