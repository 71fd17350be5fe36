/** struct_ops: a map with the kernel's struct, programs tied to its members. */
import { describe, expect, it } from 'vitest';
import { BtfKind } from '../../bpf/btf.ts';
import { btfOf, kernelBtf, load, program } from './support.ts';

const object = load('struct_ops');
const ops = object.maps.find(({ name }) => name === 'ops');
/** The kernel's `struct ops` stands behind three u64 in the map's value. */
const DATA = 24;

describe('struct_ops', () => {
  it('has the size and type of the kernel', () => {
    expect(ops).toMatchObject({ type: 26, keySize: 4, valueSize: 64, maxEntries: 1, flags: 1 << 13 });
    expect(ops?.kernelValueTypeId).toBe(kernelBtf.find('bpf_struct_ops_ops', BtfKind.Struct));
  });

  it('copies plain members to where the kernel has them', () => {
    const view = new DataView(ops?.data?.buffer ?? new ArrayBuffer(0));
    expect(view.getBigUint64(DATA + 24, true)).toBe(0xabcdefn);
    expect(Buffer.from(ops?.data?.subarray(DATA + 32, DATA + 40) ?? []).toString()).toBe('drydock\0');
  });

  it('ties programs to members by name', () => {
    expect(ops?.slots).toEqual([
      { key: DATA + 8, program: 'first_impl' },
      { key: DATA + 16, program: 'second_impl' },
    ]);
    const typeId = kernelBtf.find('ops', BtfKind.Struct);
    expect(program(object, 'first_impl')).toMatchObject({
      type: 27,
      expectedAttachType: 1,
      attachTarget: { name: 'ops', btfId: typeId },
    });
    expect(program(object, 'second_impl')).toMatchObject({ expectedAttachType: 2, flags: 16 });
  });

  it('an optional map is not created, and its programs are not loaded', () => {
    expect(object.maps.find(({ name }) => name === 'forward')?.autocreate).toBe(false);
    expect(program(object, 'future_impl')).toMatchObject({ autoload: false, prepared: false });
    const asked = load('struct_ops', { programs: ['future_impl', 'first_impl'] });
    expect(program(asked, 'future_impl').error).toContain('Cannot find member future in kernel BTF');
    expect(program(asked, 'first_impl').error).toBeUndefined();
  });

  it('a program that nothing refers to cannot be loaded', () => {
    expect(program(object, 'unused_impl').error).toContain("isn't referenced anywhere");
  });

  it('a kernel without the struct refuses the object', () => {
    const { programs } = load('struct_ops', { kernelBtf: btfOf('iter') });
    const errors = programs.filter(({ prepared }) => prepared).map(({ error }) => error);
    for (const error of errors)
      expect(error).toContain('struct bpf_struct_ops_ops is not found in kernel BTF');
  });
});
