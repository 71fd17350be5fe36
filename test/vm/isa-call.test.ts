/** Calls between functions of a program: frames, stacks, preserved registers, function pointers. */
import { describe, expect, it } from 'vitest';
import { assemble } from '../../bpf/asm.ts';
import { expectAsReference, runProgram, runText } from './isa-machine.ts';

describe('local calls', () => {
  it('pass r1-r5, give back r0 and keep r6-r9 of the caller', () => {
    const text = `
      r6 = 60
      r7 = 70
      r8 = 80
      r9 = 90
      r1 = 1
      r2 = 2
      r3 = 3
      r4 = 4
      r5 = 5
      call sum
      r0 <<= 16
      r0 += r6
      r0 += r7
      r0 += r8
      r0 += r9
      exit
      sum:
      r6 = r1
      r6 += r2
      r7 = r3
      r8 = r4
      r9 = r5
      r0 = r6
      r0 += r7
      r0 += r8
      r0 += r9
      exit`;
    expect(runText(text).r0).toBe((15n << 16n) + 300n);
    expectAsReference({ text });
  });

  it('give every frame a stack of its own', () => {
    const text = `
      *(u64 *)(r10 -8) = 11
      *(u64 *)(r10 -512) = 22
      call callee
      r0 = *(u64 *)(r10 -8)
      r3 = *(u64 *)(r10 -512)
      r0 *= 1000
      r0 += r3
      exit
      callee:
      *(u64 *)(r10 -8) = 33
      *(u64 *)(r10 -512) = 44
      r0 = 0
      exit`;
    expect(runText(text).r0).toBe(11_022n);
    expectAsReference({ text });
  });

  it('let the callee write into the frame of its caller through a pointer', () => {
    const text = `
      *(u64 *)(r10 -16) = 0
      r1 = r10
      r1 += -16
      call callee
      r0 = *(u64 *)(r10 -16)
      exit
      callee:
      *(u32 *)(r1 +4) = 7
      r0 = 0
      exit`;
    expect(runText(text).r0).toBe(7n << 32n);
    expectAsReference({ text });
  });

  /** A main function and a chain of `depth - 1` callees, each adding 1 to what the next returns. */
  const chain = (depth: number) => {
    const functions = Array.from({ length: depth - 1 }, (_, index) => {
      const inner = index + 2 < depth ? `call f${index + 2}` : 'r0 = 0';
      return `f${index + 1}:\nr6 = 1\n${inner}\nr0 += r6\nexit`;
    });
    return `r6 = 1\n${depth > 1 ? 'call f1' : 'r0 = 0'}\nr0 += r6\nexit\n${functions.join('\n')}`;
  };

  it.each([1, 2, 7, 8])('nest %i deep', (depth) => {
    expect(runText(chain(depth)).r0).toBe(BigInt(depth));
  });

  it('do not nest 9 deep', () => {
    const run = runText(chain(9));
    expect(run.finished).toBe(false);
    expect(run.fault).toMatchObject({ kind: 'call-depth' });
  });

  it('recurse until the frames are used up', () => {
    expect(runText('f: call f\nexit').fault).toMatchObject({ kind: 'call-depth', pc: 0 });
  });

  it('work again after a return: frames do not leak', () => {
    const text = `
      r6 = 1000
      r7 = 0
      again: call f
      r7 += r0
      r6 += -1
      if r6 != 0 goto again
      r0 = r7
      exit
      f: r6 = 77
      r0 = 3
      exit`;
    expect(runText(text).r0).toBe(3000n);
    expectAsReference({ text });
  });

  it('call backwards', () => {
    const text = `
      goto main
      f: r0 = r1
      r0 *= 2
      exit
      main: r1 = 21
      call f
      exit`;
    expect(runText(text).r0).toBe(42n);
  });

  it('take ld_imm64 in caller and callee into account when they count slots', () => {
    const text = `
      r1 = 5 ll
      call f
      r6 = 1 ll
      r0 += r6
      exit
      f: r0 = 0x100000000 ll
      r0 += r1
      exit`;
    expect(runText(text).r0).toBe(0x1_0000_0006n);
  });
});

describe('callx', () => {
  it('calls the function whose address the register holds', () => {
    const { r0 } = runText(`
      r6 = 5
      r7 = subprog[twice]
      r1 = 4
      callx r7
      r8 = r0
      r7 = subprog[square]
      r1 = 9
      callx r7
      r0 += r8
      r0 += r6
      exit
      twice: r6 = 0
      r0 = r1
      r0 += r1
      exit
      square: r0 = r1
      r0 *= r1
      exit`);
    expect(r0).toBe(8n + 81n + 5n);
  });

  it('takes the encoding of compilers before LLVM 19, the register in imm', () => {
    const program = assemble('r7 = subprog[f]\ncallx r7\nexit\nf: r0 = 6\nexit');
    const callx = program.subarray(16, 24);
    expect(Buffer.from(callx).toString('hex')).toBe('8d07000000000000');
    callx.set(Buffer.from('8d00000007000000', 'hex'));
    expect(runProgram(program).r0).toBe(6n);
  });

  it('faults on what is not a function', () => {
    const run = runText('r2 = 0x123456789 ll\ncallx r2\nexit');
    expect(run.finished).toBe(false);
    expect(run.fault).toMatchObject({ kind: 'bad-call-target', pc: 2, address: 0x1_2345_6789n });
  });

  it('faults on an address inside a function', () => {
    const { fault } = runText('r2 = subprog[f]\nr2 += 1\ncallx r2\nexit\nf: r0 = 0\nexit');
    expect(fault).toMatchObject({ kind: 'bad-call-target', pc: 3 });
  });
});

describe('exit', () => {
  it('gives back all 64 bits of r0', () => {
    expect(runText('r0 = 0x8000000000000001 ll\nexit').r0).toBe(0x8000_0000_0000_0001n);
  });

  it('ends the program in the middle', () => {
    expect(runText('r0 = 1\nexit\nr0 = 2\nexit').r0).toBe(1n);
  });

  it('is missing when a program runs off its end', () => {
    expect(runText('r0 = 1\ngoto pc+0\nr0 = 2').fault).toMatchObject({ kind: 'end-of-program', pc: 3 });
  });
});
