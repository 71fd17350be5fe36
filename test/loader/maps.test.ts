/** Maps: BTF-defined, legacy and those of data sections. */
import { describe, expect, it } from 'vitest';
import type { BpfObject, MapDef } from '../../loader/index.ts';
import { internalName } from '../../loader/maps.ts';
import { load, program, slots } from './support.ts';

function map(object: BpfObject, name: string): MapDef {
  const found = object.maps.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`no map ${name}: ${object.maps.map((m) => m.name)}`);
  return found;
}

describe.each(['maps', 'maps.be'])('%s', (name) => {
  const object = load(name);

  it('reads every attribute', () => {
    const hash = map(object, 'hash');
    expect(hash).toMatchObject({ type: 1, maxEntries: 100, flags: 1, keySize: 8, valueSize: 32 });
    expect(hash).toMatchObject({ pinning: 1, numaNode: 3, section: '.maps' });
    expect(object.btf?.name(hash.keyTypeId)).toBe('key');
    expect(object.btf?.name(hash.valueTypeId)).toBe('value');
    expect(map(object, 'extra').mapExtra).toBe(0x1234567890n);
  });

  it('rounds ring buffers up, counts CPUs, and gives no types where the kernel takes none', () => {
    expect(map(object, 'ring').maxEntries).toBe(8192);
    expect(map(object, 'perf')).toMatchObject({ maxEntries: 1, keyTypeId: 0 });
    const { maps } = load(name, { possibleCpus: 6 });
    expect(maps.find((m) => m.name === 'perf')?.maxEntries).toBe(6);
  });

  it('initialises inner maps and programs', () => {
    const outer = map(object, 'outer');
    const index = (wanted: string) => object.maps.findIndex((m) => m.name === wanted);
    expect(outer.inner).toMatchObject({ name: 'outer.inner', type: 2, maxEntries: 4, valueSize: 8 });
    expect(outer.slots).toEqual([
      { key: 1, map: index('one') },
      { key: 6, map: index('two') },
    ]);
    expect(outer.valueSize).toBe(4);
    expect(map(object, 'tails').slots).toEqual([{ key: 2, program: 'tail_a' }]);
  });

  it('makes a map of every data section, little-endian', () => {
    const hex = (m: MapDef) => m.data && Buffer.from(m.data).toString('hex');
    const data = map(object, 'maps.data');
    expect(data).toMatchObject({ type: 2, keySize: 4, valueSize: 4, maxEntries: 1, flags: 1024 });
    expect(hex(data)).toBe('44332211');
    const rodata = map(object, 'maps.rodata');
    expect(rodata).toMatchObject({ valueSize: 8, flags: 1024 | 128, frozen: true });
    expect(hex(rodata)).toBe('0807060504030201');
    expect(hex(map(object, '.rodata.custom'))).toBe(Buffer.from('custom\0').toString('hex'));
    expect(map(object, '.rodata.custom').flags).toBe(128);
    // hidden and static variables are not for user space to map
    expect(map(object, '.data.private').flags).toBe(0);
    const bss = map(object, 'maps.bss');
    expect(bss).toMatchObject({ valueSize: 12, flags: 0 });
    expect(bss.data).toBeUndefined();
  });

  it('points loads at maps and into their values', () => {
    const index = (wanted: string) => object.maps.findIndex((m) => m.name === wanted);
    const values = slots(program(object, 'tail_a')).filter(({ code, src }) => code === 0x18 && src === 2);
    expect(values[0]?.imm).toBe(index('maps.data'));
    const all = slots(program(object, 'tail_a'));
    const custom = all.findIndex(({ code, imm }) => code === 0x18 && imm === index('.rodata.custom'));
    expect(all[custom]).toMatchObject({ src: 2 });
    const used = slots(program(object, 'uses_maps')).filter(({ code }) => code === 0x18);
    expect(used.map(({ src, imm }) => [src, object.maps[imm]?.name])).toEqual(
      ['hash', 'outer', 'ring', 'tails', 'extra', 'perf'].map((wanted) => [1, wanted]),
    );
  });
});

describe.each(['legacy', 'legacy.be'])('maps of the section "maps": %s', (name) => {
  it('are refused in the words of libbpf', () => {
    expect(() => load(name)).toThrow(
      "section maps: elf: legacy map definitions in 'maps' section are not supported by libbpf v1.0+",
    );
  });

  it('are taken when asked for, in the order of their symbols', () => {
    const object = load(name, { legacy: true });
    expect(object.maps).toMatchObject([
      { name: 'first', type: 1, keySize: 4, valueSize: 8, maxEntries: 16, section: 'maps' },
      { name: 'second', type: 2, keySize: 4, valueSize: 64, maxEntries: 2, flags: 1024 },
    ]);
    expect(slots(program(object, 'uses_second')).find(({ code }) => code === 0x18)).toMatchObject({
      src: 1,
      imm: 1,
    });
  });
});

describe('names of internal maps', () => {
  it.each([
    ['my_object_name', '.rodata', 'my_objec.rodata'],
    ['my_object_name', '.bss', 'my_objec.bss'],
    ['my_object_name', '.kconfig', 'my_obje.kconfig'],
    ['my_object_name', '.rodata.abracadabra', '.rodata.abracad'],
    ['my-object', '.data', 'my_objec.data'],
    ['x', '.data', 'x.data'],
  ])('%s %s: %s', (object, section, name) => {
    expect(internalName(object, section)).toBe(name);
  });
});
