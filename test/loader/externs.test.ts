/** Externs: configuration values, typed and typeless symbols, kernel functions. */
import { describe, expect, it } from 'vitest';
import { BtfKind } from '../../bpf/btf.ts';
import { btfOf, EXTERNS, KCONFIG, kernelBtf, load, program, SYMBOL_ADDRESS, slots } from './support.ts';

const object = load('externs', EXTERNS);

function firstLoad(name: string) {
  const all = slots(program(object, name));
  const at = all.findIndex(({ code }) => code === 0x18);
  return { ...all[at], high: all[at + 1]?.imm };
}

describe('.kconfig', () => {
  const map = object.maps.find(({ name }) => name === 'externs.kconfig');
  const view = new DataView(map?.data?.buffer ?? new ArrayBuffer(0));

  it('lays values out by alignment, size and name', () => {
    expect(map).toMatchObject({ valueSize: 34, frozen: true, flags: 1024 | 128 });
    expect(view.getBigUint64(0, true)).toBe(0x123456789abn); // CONFIG_HEX
    expect(view.getUint32(8, true)).toBe(0); // CONFIG_ABSENT
    expect(view.getUint32(12, true)).toBe(2); // CONFIG_MODULE=m
    expect(view.getUint32(16, true)).toBe(0x060c75); // LINUX_KERNEL_VERSION
    expect(view.getInt16(20, true)).toBe(-5); // CONFIG_NEGATIVE
    expect(view.getUint8(22)).toBe(1); // CONFIG_BOOL=y
    expect(view.getUint8(23)).toBe('n'.charCodeAt(0)); // CONFIG_LETTER
    expect(view.getUint8(24)).toBe(1); // LINUX_HAS_BPF_COOKIE
    expect(view.getUint8(25)).toBe(0); // LINUX_HAS_NOTHING, weak
    expect(Buffer.from(map?.data?.subarray(26) ?? []).toString()).toBe('a long \0');
  });

  it('is read through the map', () => {
    const index = object.maps.findIndex(({ name }) => name === 'externs.kconfig');
    expect(firstLoad('version')).toMatchObject({ src: 2, imm: index, high: 16 });
  });

  it.each([
    ['CONFIG_BOOL', 'm', "value 'm' implies tristate or char type"],
    ['CONFIG_BOOL', '1', 'implies integer type'],
    ['CONFIG_HEX', 'y', "value 'y' implies bool, tristate, or char type"],
    ['CONFIG_HEX', '12x', "isn't a valid integer"],
    ['CONFIG_HEX', '0x1ffffffffffffffff', "isn't a valid integer"],
    ['CONFIG_NEGATIVE', '40000', "doesn't fit in 2 bytes"],
    ['CONFIG_HEX', '"text"', 'implies char array type'],
    ['CONFIG_TEXT', '"open', 'invalid string config'],
  ])('%s=%s stops every program', (name, value, reason) => {
    const { programs } = load('externs', { ...EXTERNS, kconfig: new Map([...KCONFIG, [name, value]]) });
    for (const { error } of programs) expect(error).toContain(reason);
  });

  it('a strong value that is not configured stops every program', () => {
    const kconfig = new Map([...KCONFIG].filter(([name]) => name !== 'CONFIG_HEX'));
    const { programs } = load('externs', { ...EXTERNS, kconfig });
    expect(programs[0]?.error).toContain("extern 'CONFIG_HEX' (strong): not resolved");
  });
});

describe('.ksyms', () => {
  it('typed variables are BTF ids', () => {
    const id = kernelBtf.find('known_int', BtfKind.Var);
    expect(firstLoad('typed')).toMatchObject({ src: 3, imm: id, high: 0 });
    expect(firstLoad('typed_struct')).toMatchObject({
      src: 3,
      imm: kernelBtf.find('current_task', BtfKind.Var),
    });
  });

  it('weak ones that are missing are null, bare ones are addresses', () => {
    expect(firstLoad('typed_missing')).toMatchObject({ src: 0, imm: 0, high: 0 });
    expect(firstLoad('bare')).toMatchObject({
      src: 0,
      imm: Number(BigInt.asIntN(32, SYMBOL_ADDRESS)),
      high: -1,
    });
    expect(firstLoad('bare_none')).toMatchObject({ src: 0, imm: 0, high: 0 });
  });

  it('a kfunc is called by its id, also through a flavour', () => {
    const id = kernelBtf.find('kfunc_known', BtfKind.Func);
    for (const name of ['call_known', 'call_flavour']) {
      const call = slots(program(object, name)).find(({ code }) => code === 0x85);
      expect(call).toMatchObject({ src: 2, imm: id, offset: 0 });
    }
  });

  it('weak kfuncs that are missing or of another type poison their calls and have a null address', () => {
    const changed = slots(program(object, 'call_changed')).find(({ code }) => code === 0x85);
    expect(changed?.src).toBe(0);
    expect(changed?.imm).toBeGreaterThanOrEqual(2_002_000_000);
    expect(firstLoad('call_missing')).toMatchObject({ src: 0, imm: 0, high: 0 });
  });

  it('what the kernel lacks and a module has is named by the module', () => {
    const modules = [
      { name: 'first', btf: btfOf('iter') },
      { name: 'second', btf: kernelBtf },
    ];
    const found = load('externs', { ...EXTERNS, kernelBtf: btfOf('link'), modules });
    expect(found.modules).toEqual(['vmlinux', 'second']);
    const call = slots(program(found, 'call_known')).find(({ code }) => code === 0x85);
    expect(call).toMatchObject({ src: 2, offset: 1, imm: kernelBtf.find('kfunc_known', BtfKind.Func) });
  });

  it('a strong symbol without a kernel stops every program', () => {
    const { programs } = load('externs', { ...EXTERNS, ksym: () => undefined });
    for (const { error } of programs) expect(error).toContain("'bare_symbol' (strong): not resolved");
  });

  it('the BTF for the kernel has variables in place of externs', () => {
    const btf = object.btf;
    const section = btf?.type(btf.find('.ksyms', BtfKind.Datasec));
    expect(section?.vars.map(({ offset, size }) => [offset, size])).toEqual(
      section?.vars.map((_, index) => [index * 4, 4]),
    );
    expect(section?.size).toBe((section?.vars.length ?? 0) * 4);
    for (const { type } of section?.vars ?? []) {
      expect(btf?.type(type)).toMatchObject({ kind: BtfKind.Var, linkage: 1 });
    }
    expect(btf?.find('dummy_ksym', BtfKind.Var)).toBe((btf?.typeCount ?? 0) - 1);
    expect(btf?.type(btf.find('kfunc_known', BtfKind.Func)).linkage).toBe(1);
  });
});
