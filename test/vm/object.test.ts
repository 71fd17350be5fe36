import { readdirSync, readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { assemble } from '../../bpf/asm.ts';
import { InputError } from '../../bpf/input-error.ts';
import { openProfile, profileNames } from '../../kernel-model/profile-node.ts';
import type { KernelServices } from '../../kernel-model/services.ts';
import { loadObject } from '../../loader/index.ts';
import type { BpfObject, MapDef, Program } from '../../loader/program.ts';
import { installHelpers, MapTable, type Vm, VmObject } from '../../vm/index.ts';
import { createVm } from '../../vm/node.ts';

const ITERATOR = 26;
const XDP = 6;
const ARRAY = 2;
const PROG_ARRAY = 3;
const profile = openProfile('6.12');

let vm: Vm;
let table: MapTable;
beforeEach(async () => {
  vm = await createVm();
  table = new MapTable(vm, { kernelBtf: profile.btf });
});

/** A kernel of which programs see two symbols and the clock. */
function services(kernel = profile): KernelServices {
  return {
    btf: kernel.btf,
    currentTask: () => 0n,
    taskOf: () => 0n,
    dPath: () => -2,
    readUser: () => null,
    writeUser: () => false,
    findVma: () => 0n,
    symbolAddress: (name) => (name === 'init_task' ? 0xffff_ffff_8400_1000n : undefined),
    symbolAt: () => undefined,
    ktime: () => 1234n,
    advance: () => {},
  };
}

function program(name: string, text: string, type = XDP): Program {
  return {
    name,
    section: name,
    type,
    expectedAttachType: 0,
    flags: 0,
    autoload: true,
    prepared: true,
    insns: assemble(text),
    subprogs: [],
    funcInfo: [],
    lineInfo: [],
    missing: [],
  };
}

function map(name: string, type: number, more: Partial<MapDef> = {}): MapDef {
  return {
    name,
    type,
    keySize: 4,
    valueSize: 4,
    maxEntries: 8,
    flags: 0,
    mapExtra: 0n,
    keyTypeId: 0,
    valueTypeId: 0,
    pinning: 0,
    numaNode: 0,
    section: '.maps',
    ...more,
  };
}

function object(programs: Program[], maps: MapDef[] = []): BpfObject {
  return {
    file: 'test.bpf.o',
    license: 'GPL',
    bigEndian: false,
    version: 0,
    modules: ['vmlinux'],
    maps,
    programs,
  };
}

const load = (programs: Program[], maps: MapDef[] = []) =>
  VmObject.load(vm, object(programs, maps), { maps: table, services: services() });

/** Puts the pseudo kind and the two imms of a ld_imm64 at a slot. */
function imm64(source: Program, slot: number, kind: number, imm: number, imm2 = 0): Program {
  const view = new DataView(source.insns.buffer);
  view.setUint8(slot * 8 + 1, (view.getUint8(slot * 8 + 1) & 15) | (kind << 4));
  view.setInt32(slot * 8 + 4, imm, true);
  view.setInt32(slot * 8 + 12, imm2, true);
  return source;
}

function kfuncCall(source: Program, slot: number, typeId: number): Program {
  const view = new DataView(source.insns.buffer);
  view.setUint8(slot * 8 + 1, 2 << 4);
  view.setInt32(slot * 8 + 4, typeId, true);
  return source;
}

const u32 = (value: number) =>
  Uint8Array.of(value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24);

describe('maps', () => {
  const count = () => {
    const text = `
      *(u32 *)(r10 -4) = 2
      r1 = 0 ll
      r2 = r10
      r2 += -4
      call bpf_map_lookup_elem
      if r0 == 0 goto out
      r1 = *(u32 *)(r0 +0)
      r1 += 1
      *(u32 *)(r0 +0) = r1
      r0 = r1
    out:
      exit`;
    return imm64(program('count', text), 1, 1, 1);
  };

  it('are shared by the programs of an object, and seen from outside', () => {
    const loaded = load(
      [count(), { ...count(), name: 'again' }],
      [map('other', ARRAY), map('counts', ARRAY)],
    );
    expect(loaded.program('count').run(0n).retval).toBe(1);
    expect(loaded.program('again').run(0n).retval).toBe(2);
    expect(loaded.maps.get('counts')?.get(u32(2))).toEqual(u32(2));
    expect(loaded.maps.get('other')?.get(u32(2))).toEqual(u32(0));
  });

  it('hold their first content; a program reaches it by its address', () => {
    const data = Uint8Array.from({ length: 16 }, (_, i) => i);
    const text = 'r1 = 0 ll\nr0 = *(u32 *)(r1 +0)\n*(u32 *)(r1 +4) = 9\nexit';
    const source = imm64(program('data', text), 0, 2, 0, 8);
    const loaded = load([source], [map('x.data', ARRAY, { valueSize: 16, maxEntries: 1, data })]);
    expect(loaded.program('data').run(0n).retval).toBe(0x0b0a0908);
    expect(loaded.maps.get('x.data')?.get(u32(0))).toEqual(
      Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 9, 0, 0, 0),
    );
  });

  it('that are frozen refuse changes from outside', () => {
    const data = new Uint8Array(4);
    const loaded = load([], [map('x.rodata', ARRAY, { maxEntries: 1, flags: 128, data, frozen: true })]);
    expect(loaded.maps.get('x.rodata')?.update(u32(0), u32(1))).toBe(-1);
  });

  it('that the kernel refuses are refused by name', () => {
    expect(() => load([], [map('broken', ARRAY, { keySize: 8 })])).toThrow(/map broken .*EINVAL/);
  });

  it('must exist', () => {
    const source = imm64(program('p', 'r1 = 0 ll\nexit'), 0, 1, 7);
    expect(() => load([source])).toThrow(/p: insn 0: there is no map 7/);
  });
});

describe('tail calls', () => {
  const jump = (name: string, index: string) =>
    imm64(program(name, `r6 = r1\nr2 = 0 ll\nr3 = ${index}\ncall bpf_tail_call\nr0 = 99\nexit`), 1, 1, 0);
  const table3 = (...names: string[]) =>
    map('jumps', PROG_ARRAY, { slots: names.map((target, key) => ({ key, program: target })) });

  it('go on in the other program, with the same context, and do not come back', () => {
    const target = program('target', 'r0 = r1\nr0 += 1\nexit');
    const loaded = load([jump('main', '0'), target], [table3('target')]);
    expect(loaded.program('main').run(41n)).toMatchObject({ status: 'finished', retval: 42 });
  });

  it('to an empty slot or out of range fall through', () => {
    const loaded = load([jump('empty', '5'), jump('outside', '800'), jump('negative', '-1')], [table3()]);
    for (const name of ['empty', 'outside', 'negative']) expect(loaded.program(name).run(0n).retval).toBe(99);
  });

  it('end after 33', () => {
    const text = `
      r3 = *(u32 *)(r1 +0)
      r3 += 1
      *(u32 *)(r1 +0) = r3
      r2 = 0 ll
      r3 = 0
      call bpf_tail_call
      r0 = 7
      exit`;
    const loaded = load([imm64(program('self', text), 3, 1, 0)], [table3('self')]);
    const at = vm.ram.alloc(4);
    const context = 0xffff_8880_0000_0000n + BigInt(at);
    expect(loaded.program('self').run(context).retval).toBe(7);
    expect(vm.ram.view.getUint32(at, true)).toBe(34);
    // The next run may make 33 of its own.
    loaded.program('self').run(context);
    expect(vm.ram.view.getUint32(at, true)).toBe(68);
  });

  it('in a function return to its caller, and the fault of the other program names its own instruction', () => {
    const main = imm64(
      program(
        'main',
        'call sub\nr0 += 1000\nexit\nsub: r2 = 0 ll\nr3 = 0\ncall bpf_tail_call\nr0 = 99\nexit',
      ),
      3,
      1,
      0,
    );
    const loaded = load([main, program('target', 'r0 = 5\nexit')], [table3('target')]);
    expect(loaded.program('main').run(0n).retval).toBe(1005);
    const bad = program('bad', 'r0 = 0 ll\nr0 = *(u8 *)(r0 +0)\nexit');
    const faulty = load([jump('main', '0'), bad], [table3('bad')]);
    expect(faulty.program('main').run(0n).fault).toMatchObject({ kind: 'read', pc: 2 });
  });

  it('give the same in single steps', () => {
    const target = program('target', 'r0 = 1\ncall sub\nexit\nsub: r0 += 41\nexit');
    const loaded = load([jump('main', '0'), target], [table3('target')]);
    const whole = loaded.program('main').run(0n);
    vm.start(loaded.program('main').loaded, [0n]);
    let result = vm.resume(1);
    while (result.status === 'suspended') result = vm.resume(1);
    expect(result).toEqual(whole);
    expect(whole).toMatchObject({ retval: 42, insns: 9 });
  });

  it('survive a prog array that was overwritten', () => {
    const loaded = load([jump('main', '0')], [table3()]);
    const slot = [...(loaded.maps.get('jumps')?.entries() ?? [])][0]?.value ?? 0n;
    for (const value of [1000, 4095, 4096, 0x0400_0000, 0xffff_ffff]) {
      vm.ram.write(slot, u32(value));
      expect(loaded.program('main').run(0n).retval).toBe(99);
    }
  });

  it('through something that is no prog array are faults', () => {
    const other = load([jump('main', '0')], [map('array', ARRAY)]);
    expect(other.program('main').run(0n).fault).toMatchObject({ kind: 'bad-argument', pc: 4 });
    const source = program('wild', 'r2 = 64\nr3 = 0\ncall bpf_tail_call\nexit');
    expect(load([source]).program('wild').run(0n).fault).toMatchObject({
      kind: 'bad-argument',
      address: 64n,
    });
  });
});

describe('references to the kernel', () => {
  it('typed symbols become addresses', () => {
    const typeId = profile.btf.find('init_task') || profile.btf.find('runqueues');
    const name = profile.btf.name(typeId);
    const source = imm64(program('p', 'r0 = 0 ll\nexit'), 0, 3, typeId);
    if (name === 'init_task') expect(load([source]).program('p').run(0n).r0).toBe(0xffff_ffff_8400_1000n);
    else expect(() => load([source])).toThrow(new RegExp(`no symbol ${name}`));
  });

  it.each(profileNames())('bpf_page_to_pfn on %s, by the way that kernel has it', (kernel) => {
    const there = openProfile(kernel);
    const table = new MapTable(vm, { kernelBtf: there.btf });
    installHelpers(vm, services(there), table);
    const typeId = there.btf.find('bpf_page_to_pfn');
    const source = program('p', 'r1 = 0xffffea0000000000 ll\nr1 += 4928\ncall 181\nexit');
    if (typeId !== 0) kfuncCall(source, 3, typeId);
    const options = { maps: table, services: services(there), helpers: there.dialect.helpers };
    const loaded = VmObject.load(vm, object([source]), options);
    expect(loaded.program('p').run(0n)).toMatchObject({ status: 'finished', retval: 77 });
  });

  it('helper 181 is bpf_loop where the kernel has no other', () => {
    const source = program('p', 'r1 = 3\nr2 = subprog[cb]\nr4 = 0\ncall 181\nexit\ncb: r0 = 0\nexit');
    expect(load([source]).program('p').run(0n).retval).toBe(3);
  });

  it('kfuncs that are not modelled fault by name, when they are reached', () => {
    const typeId = profile.btf.find('bpf_cgroup_ancestor');
    expect(typeId).toBeGreaterThan(0);
    const source = kfuncCall(program('p', 'r0 = 1\nif r1 == 0 goto out\ncall 1\nout: exit'), 2, typeId);
    const loaded = load([source]);
    expect(loaded.program('p').run(0n).retval).toBe(1);
    expect(loaded.program('p').run(1n).fault?.message).toBe(
      'insn 2: call of bpf_cgroup_ancestor, which is not modelled',
    );
  });

  it('what the loader poisoned faults when it is reached', () => {
    for (const call of [195896080, 2001000003, 2002000001]) {
      const loaded = load([program('p', `r0 = 1\ncall ${call}\nexit`)]);
      expect(loaded.program('p').run(0n).fault).toMatchObject({ kind: 'poisoned', pc: 1 });
    }
  });

  it('programs of iterators probe, those of networks do not', () => {
    const text = 'r0 = 1\nr0 = *(u64 *)(r1 +0)\nexit';
    const loaded = load([program('iterator', text, ITERATOR), program('xdp', text)]);
    expect(loaded.program('iterator').run(0n)).toMatchObject({ status: 'finished', retval: 0 });
    expect(loaded.program('xdp').run(0n).fault?.kind).toBe('read');
  });

  it('modules must be at hand', () => {
    const source = imm64(program('p', 'r0 = 0 ll\nexit'), 0, 3, 5, 1);
    expect(() =>
      VmObject.load(
        vm,
        { ...object([source]), modules: ['vmlinux', 'nf_nat'] },
        { maps: table, services: services() },
      ),
    ).toThrow(/BTF of module nf_nat is missing/);
  });
});

describe('objects', () => {
  it('whose program could not be prepared are refused with its reason', () => {
    const broken = { ...program('p', 'exit'), error: 'no such extern' };
    expect(() => load([broken])).toThrow(
      new InputError('p: no such extern', { file: 'test.bpf.o', section: 'p' }),
    );
  });

  it('name their programs when one is missing', () => {
    expect(() => load([program('a', 'exit'), program('b', 'exit')]).program('c')).toThrow(
      /loaded programs: a, b/,
    );
  });

  it('give everything back', () => {
    const make = () => load([program('a', 'exit')], [map('m', ARRAY, { maxEntries: 10_000 })]);
    make().close();
    const before = vm.ram.buffer.byteLength;
    for (let i = 0; i < 5000; i++) make().close();
    expect(vm.ram.buffer.byteLength).toBe(before);
    expect(table.all).toEqual([]);
  });

  const folder = new URL('../../programs/', import.meta.url);
  // Examples for the verifier, some of them of code that no machine can decode.
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.bpf.o') && !/^(accepted|rejected)\//.test(name),
  );
  it.each(profileNames().flatMap((kernel) => files.map((file) => [file, kernel] as const)))(
    '%s loads on %s',
    (file, kernel) => {
      const { btf, dialect } = openProfile(kernel);
      const parsed = loadObject(new Uint8Array(readFileSync(new URL(file, folder))), {
        file,
        kernelBtf: btf,
        ksym: () => 0xffff_ffff_8100_0000n,
        kconfig: new Map([['CONFIG_HZ', String(dialect.hz)]]),
      });
      const maps = new MapTable(vm, { kernelBtf: btf });
      const kernelServices = {
        ...services(openProfile(kernel)),
        symbolAddress: () => 0xffff_ffff_8100_0000n,
      };
      const loaded = VmObject.load(vm, parsed, { maps, services: kernelServices, helpers: dialect.helpers });
      expect(loaded.programs.size).toBeGreaterThan(0);
      expect(loaded.maps.size).toBe(parsed.maps.length);
    },
  );
});
