import { expect, it } from 'vitest';
import { kernelAddress } from '../../bpf/address.ts';
import { assemble } from '../../bpf/asm.ts';
import { createVm } from '../../vm/node.ts';

const vm = await createVm();
const USER = 0x7f12_0000_0000n;
const offset = vm.ram.alloc(4096, 4096);
const arena = { kernel: kernelAddress(offset), user: USER, size: 4096 };
const run = (text: string, context: bigint, withArena = true) =>
  vm.run(vm.load(assemble(text), withArena ? { arena } : {}), context);

// A cast to the kernel's space (dst 0, src 1) keeps the low 32 bits, which then count from the arena's start.
it('pointers cast to the kernel reach the arena: loads, stores and atomics', () => {
  const text = `
    r1 = addr_space_cast(r1, 0, 1)
    *(u32 *)(r1 +0) = 40
    r2 = 2
    lock *(u32 *)(r1 +0) += r2
    r0 = *(u32 *)(r1 +0)
    exit`;
  expect(run(text, USER + 16n)).toMatchObject({ status: 'finished', retval: 42 });
  expect(vm.ram.view.getUint32(offset + 16, true)).toBe(42);
});

it('pointers cast back are user addresses again; NULL stays NULL', () => {
  const text = 'r0 = r1\nr0 = addr_space_cast(r0, 1, 0)\nexit';
  expect(run(text, 0x1234n).r0).toBe(USER + 0x1234n);
  expect(run(text, 0n).r0).toBe(0n);
});

it('find zeros beside the arena, as far as an offset reaches, and nothing at all without one', () => {
  const text = '*(u64 *)(r1 +0) = -1\nr0 = *(u64 *)(r1 +0)\nexit';
  expect(run(text, 4088n).r0).toBe(0xffff_ffff_ffff_ffffn);
  for (const address of [4089n, 4096n, 4096n + 0x7ff8n, 0xffff_ffff_ffff_8000n, 0xffff_ffff_ffff_fffcn]) {
    expect(run(text, address)).toMatchObject({ status: 'finished', r0: 0n });
  }
  for (const address of [4097n + 0x7ff8n, 0xffff_fff0n, 0xffff_ffff_ffff_7fffn]) {
    expect(run(text, address).fault).toMatchObject({ kind: 'write', address });
  }
  expect(run(text, 16n, false).fault).toMatchObject({ kind: 'write', address: 16n });
});
