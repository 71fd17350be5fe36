import { expect, it } from 'vitest';
import { kernelAddress } from '../../bpf/address.ts';
import { encodeInsn } from '../../bpf/decode.ts';
import { InputError } from '../../bpf/input-error.ts';
import { FORMS } from '../../bpf/opcodes.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { installHelpers, MapTable } from '../../vm/index.ts';
import { createVm } from '../../vm/node.ts';

const profile = openProfile('6.12');
const MAP_TYPES = [1, 2, 3, 5, 6, 9, 11, 22, 23, 27, 30, 31];

/** Numbers from a fixed seed (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

async function machine() {
  const vm = await createVm();
  const table = new MapTable(vm, { kernelBtf: profile.btf });
  installHelpers(
    vm,
    {
      btf: profile.btf,
      currentTask: () => kernelAddress(context),
      taskOf: () => 0n,
      dPath: () => '/etc/passwd',
      readUser: (_task, address, length) =>
        address < 0x1000n ? null : new Uint8Array(Math.min(length, 65536)),
      writeUser: (_task, address) => address >= 0x1000n,
      findVma: () => kernelAddress(context),
      symbolAddress: () => undefined,
      symbolAt: () => undefined,
      ktime: () => 5n,
    },
    table,
  );
  const context = vm.ram.alloc(4096, 4096);
  const maps = MAP_TYPES.map((type) =>
    table.create({
      name: `m${type}`,
      type,
      keySize:
        type === 22 || type === 23 || type === 27 || type === 30 || type === 31 ? 0 : type === 11 ? 8 : 4,
      valueSize: type === 27 || type === 31 ? 0 : type === 3 ? 4 : 16,
      maxEntries: type === 27 || type === 31 ? 4096 : 16,
      flags: type === 11 ? 1 : 0,
      mapExtra: 0n,
      keyTypeId: 0,
      valueTypeId: 0,
      pinning: 0,
      numaNode: 0,
      section: '.maps',
    }),
  );
  return { vm, context, maps };
}

const bytes = (parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
const insn = (code: number, dst: number, src: number, offset: number, imm: number, imm2 = 0) =>
  encodeInsn({ code, dst, src, offset, imm, imm2 });

it('random programs over maps, helpers and wild pointers end, one way or the other', async () => {
  const { vm, context, maps } = await machine();
  const pick = random(20261);
  const endings = new Map<string, number>();
  for (let round = 0; round < 4000; round++) {
    const parts: Uint8Array[] = [];
    // r6..r9: pointers that helpers like.
    for (let register = 6; register < 10; register++) {
      const map = maps[pick(maps.length)];
      const value =
        [map?.address, map?.valueAddress(0), kernelAddress(context), kernelAddress(pick(0x4100000))][
          pick(4)
        ] ?? 0n;
      parts.push(
        insn(0x18, register, 0, 0, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))),
      );
    }
    for (let i = pick(30); i >= 0; i--) {
      const what = pick(10);
      if (what < 4) parts.push(insn(0xbf, 1 + pick(5), 6 + pick(5), 0, 0));
      else if (what === 4)
        parts.push(insn(0xb7, 1 + pick(5), 0, 0, [0, 1, 8, 16, 64, -1, 4096, 1 << 30][pick(8)] as number));
      else if (what === 5) parts.push(insn(0x07, 1 + pick(5), 0, 0, -pick(128)));
      else if (what === 6) parts.push(insn(0x7b, 10, pick(10), -8 - 8 * pick(60), 0));
      else if (what < 9) parts.push(insn(0x85, 0, 0, 0, pick(12) === 0 ? 0x1000 + pick(0x120) : pick(212)));
      else {
        const form = FORMS[pick(FORMS.length)];
        if (form)
          parts.push(
            insn(form.code, pick(11), form.code === 0x18 ? 0 : pick(11), pick(9) - 4, pick(256) - 64),
          );
      }
    }
    parts.push(insn(0x95, 0, 0, 0, 0));
    try {
      const program = vm.load(bytes(parts), { probeLoads: pick(2) === 0 });
      const result = vm.run(program, kernelAddress(context), { budget: 100_000 });
      const ending = result.fault?.kind ?? result.status;
      endings.set(ending, (endings.get(ending) ?? 0) + 1);
      vm.unload(program);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      endings.set('not a program', (endings.get('not a program') ?? 0) + 1);
    }
  }
  // Each kind of end occurs: the programs are not all refused at once.
  for (const kind of ['finished', 'read', 'write', 'bad-argument', 'unknown-helper', 'not a program']) {
    expect(endings.get(kind) ?? 0, kind).toBeGreaterThan(20);
  }
  expect(vm.ram.buffer.byteLength).toBeLessThan(512 << 20);
});
