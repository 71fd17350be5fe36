/** CO-RE: every relocation kind against a kernel whose layouts differ. Expected numbers are worked out by hand from objects/kernel.c. */
import { describe, expect, it } from 'vitest';
import { BtfKind } from '../../bpf/btf.ts';
import { btfOf, kernelBtf, load, program, returned, slots } from './support.ts';

const LITTLE = load('core');
const BIG = load('core.be');

describe.each([
  ['little-endian object', LITTLE],
  ['big-endian object', BIG],
])('%s', (_, object) => {
  it.each([
    // offsets within the kernel's struct task
    ['off_pid', 8n],
    ['off_array', 80n + 3n * 4n],
    ['off_struct_array', 112n + 16n + 8n],
    ['off_anonymous', 48n + 4n],
    ['off_anonymous_array', 56n + 2n],
    ['off_nested', 64n + 8n],
    ['off_union', 184n],
    ['off_flexible', 200n + 5n * 4n],
    ['off_bits', 168n],
    ['off_twin', 0n],
    ['size_start', 8n],
    ['size_array', 32n],
    ['size_bits', 8n],
    ['exists_pid', 1n],
    ['exists_missing', 0n],
    ['exists_flavour', 1n],
    ['exists_past_end', 0n],
    ['exists_other_kind', 0n],
    ['exists_absent', 0n],
    ['exists_old_name', 1n],
    ['signed_pid', 1n],
    ['signed_start', 0n],
    ['signed_bits', 1n],
    // b: 7 bits at bit 3 of its u32
    ['lshift_b', 64n - 10n],
    ['rshift_b', 64n - 7n],
    ['lshift_long', 64n - 40n],
    ['rshift_long', 64n - 40n],
    // a bitfield in the program, a whole u32 in the kernel
    ['lshift_plain', 32n],
    ['id_target_absent', 0n],
    ['type_exists', 1n],
    ['type_exists_absent', 0n],
    ['type_exists_typedef', 1n],
    ['type_exists_function', 1n],
    ['type_exists_wrong_function', 0n],
    ['type_size', 200n],
    ['type_matches', 1n],
    ['type_matches_not_size', 0n],
    ['type_matches_not_sign', 0n],
    ['enum_exists', 1n],
    ['enum_exists_gone', 0n],
    ['enum_value', 9n],
    ['enum_value_flavour', 5n],
    ['enum_value_wide', 0x1122334455667788n],
    ['enum_value_negative', -7n],
  ])('%s is %d', (name, value) => {
    const found = program(object, name);
    expect(found.error).toBeUndefined();
    expect(returned(found)).toBe(value);
  });

  it.each(['off_missing', 'enum_value_gone', 'load_sign_mismatch', 'load_missing'])(
    '%s calls a helper that does not exist',
    (name) => {
      expect(returned(program(object, name))).toBe('poison');
    },
  );

  it('both halves of an unresolvable 64-bit load are poisoned', () => {
    expect(slots(program(object, 'enum_value_gone'))[1]).toMatchObject({ code: 0x85, imm: 0xbad2310 });
  });

  it('ids are those of the struct in either BTF', () => {
    const local = object.btf?.find('task', BtfKind.Struct);
    expect(returned(program(object, 'id_local'))).toBe(BigInt(local ?? 0));
    const kernel = kernelBtf.find('task', BtfKind.Struct);
    expect(returned(program(object, 'id_target'))).toBe(BigInt(kernel));
  });

  it.each([
    // ldx of 8, 2 and 8 bytes where 4, 4 and 8 were compiled
    ['load_grown', 0x79, 16],
    ['load_shrunk', 0x69, 24],
    ['load_pointer', 0x79, 32],
  ])('%s takes the width of the kernel', (name, code, offset) => {
    expect(slots(program(object, name))[0]).toMatchObject({ code, offset });
  });

  it('relocates every step of a pointer chain, and stores', () => {
    const [first, second] = slots(program(object, 'load_chain'));
    expect(first).toMatchObject({ code: 0x79, offset: 40 });
    expect(second).toMatchObject({ code: 0x61, offset: 8 });
    expect(slots(program(object, 'store_pid'))[1]).toMatchObject({ code: 0x63, offset: 8 });
  });

  it('refuses a field that two types of the name have at different places', () => {
    const found = program(object, 'off_torn');
    expect(found.error).toContain('field offset ambiguity');
    expect(found.error).toContain('section socket');
    expect(found.insns).toHaveLength(0);
  });
});

describe('without what the program was compiled for', () => {
  it('a program that needs a kernel says so; one that does not is prepared', () => {
    const { kernelBtf: _, ...options } = { kernelBtf };
    const object = load('core', { ...options, kernelBtf: undefined as never });
    expect(program(object, 'off_pid').error).toContain('need the BTF of a kernel');
    expect(returned(program(object, 'id_local'))).toBeGreaterThan(0n);
  });

  it('a module is searched where the kernel has no candidate', () => {
    const modules = [{ name: 'extra', btf: btfOf('kernel') }];
    const object = load('core', { kernelBtf: btfOf('iter'), modules });
    // iter.c has a struct task with pid alone: the kernel's own candidate wins, and has no numbers
    expect(returned(program(object, 'off_pid'))).toBe(0n);
    expect(returned(program(object, 'off_array'))).toBe('poison');
    expect(returned(program(object, 'enum_value'))).toBe(9n);
  });

  it('another BTF can stand in for the kernel', () => {
    const object = load('core', { coreBtf: btfOf('core') });
    expect(returned(program(object, 'off_pid'))).toBe(0n);
    expect(returned(program(object, 'enum_value'))).toBe(1n);
  });
});
