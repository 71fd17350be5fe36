/** Programs that no compiler would make: whatever the bytes, a run ends in a result, a fault or its budget. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble } from '../../bpf/asm.ts';
import { encodeInsn } from '../../bpf/decode.ts';
import { InputError } from '../../bpf/input-error.ts';
import { FORMS, type Operand } from '../../bpf/opcodes.ts';
import { type IsaRun, runProgram } from './isa-machine.ts';
import { EDGE_IMMS, operand } from './isa-values.ts';

const register = fc.integer({ min: 0, max: 10 });
const field = fc.oneof(fc.integer(), fc.constantFrom(...EDGE_IMMS), fc.integer({ min: 0, max: 220 }));

/** Constants that a loader resolves before the vm gets the program. */
const RESOLVED = /^ld_imm64 (map|btf)|^call kfunc/;
const LOADABLE = FORMS.filter(({ name }) => !RESOLVED.test(name));

/** Any form with any operands: wild pointers, wild jumps, helpers that do not exist. */
const anyInsn = fc
  .tuple(fc.constantFrom(...LOADABLE), register, register, fc.integer({ min: -6, max: 6 }), field, field)
  .map(([form, dst, src, offset, imm, imm2]) => {
    const shows = (...names: Operand[]) => form.operands.some((shown) => names.includes(shown));
    return encodeInsn({
      code: form.code,
      dst,
      src,
      offset: shows('off', 'pc') ? offset : 0,
      imm: shows('pcimm') ? offset : shows('imm', 'hex', 'imm64', 'helper') ? imm : 0,
      imm2,
      ...form.fixed,
    });
  });

/** Short jumps out of the program land here. */
const before = assemble(`goto pc+6\n${'exit\n'.repeat(6)}`);
const after = assemble('exit\n'.repeat(7));

const blocks = fc.array(operand, { minLength: 4, maxLength: 4 }).map((values) => {
  const block = new Uint8Array(32);
  values.forEach((value, index) => {
    new DataView(block.buffer).setBigUint64(8 * index, value, true);
  });
  return block;
});

/** Loads and runs for a while; undefined when the program is refused. */
function attempt(program: Uint8Array, block: Uint8Array): IsaRun | undefined {
  try {
    return runProgram(program, { block, budget: 5000, malformed: true });
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return undefined;
  }
}

describe('hostile programs', () => {
  it('of valid instructions with wild operands', () => {
    let ran = 0;
    fc.assert(
      fc.property(fc.array(anyInsn, { minLength: 1, maxLength: 8 }), blocks, (insns, block) => {
        const run = attempt(Buffer.concat([before, ...insns, after]), block);
        if (!run) return;
        ran++;
        expect(run.insns).toBeLessThanOrEqual(5000);
        if (run.finished) expect(run.fault).toBeNull();
        else if (run.insns < 5000) expect(run.fault).not.toBeNull();
      }),
      { seed: 9669, numRuns: 5000 },
    );
    expect(ran).toBeGreaterThan(3000);
  });

  it('of random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), blocks, (bytes, block) => {
        attempt(bytes, block);
      }),
      { seed: 9669, numRuns: 2000 },
    );
  });
});
