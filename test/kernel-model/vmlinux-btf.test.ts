/** The types of a kernel out of a vmlinux or a BTF blob. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { isVmlinux, vmlinuxBtf } from '../../kernel-model/vmlinux-btf.ts';

const BTF = Uint8Array.from({ length: 40 }, (_, i) => [0x9f, 0xeb, 1, 0, 24][i] ?? 0);
const HEADER = 64;

/** An ELF file of one section with that name and content. */
function elf(name: string, content: Uint8Array, machine = 62): Uint8Array {
  const names = new TextEncoder().encode(`\0${name}\0.shstrtab\0`);
  const table = HEADER + content.length + names.length;
  const bytes = new Uint8Array(table + 3 * HEADER);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(18, machine, true);
  view.setBigUint64(40, BigInt(table), true);
  view.setUint16(58, HEADER, true);
  view.setUint16(60, 3, true);
  view.setUint16(62, 2, true);
  bytes.set(content, HEADER);
  bytes.set(names, HEADER + content.length);
  const section = (index: number, nameAt: number, offset: number, size: number) => {
    const at = table + index * HEADER;
    view.setUint32(at, nameAt, true);
    view.setBigUint64(at + 24, BigInt(offset), true);
    view.setBigUint64(at + 32, BigInt(size), true);
  };
  section(1, 1, HEADER, content.length);
  section(2, name.length + 2, HEADER + content.length, names.length);
  return bytes;
}

describe('vmlinuxBtf', () => {
  it('takes a blob as it is, and the section of an ELF file', () => {
    expect(vmlinuxBtf(BTF, 'btf')).toEqual(BTF);
    expect(vmlinuxBtf(elf('.BTF', BTF), 'vmlinux')).toEqual(BTF);
  });

  it('tells kernels from objects of programs', () => {
    expect(isVmlinux(BTF)).toBe(true);
    expect(isVmlinux(elf('.BTF', BTF))).toBe(true);
    expect(isVmlinux(elf('.BTF', BTF, 247))).toBe(false);
    expect(isVmlinux(new Uint8Array())).toBe(false);
  });

  it.each([
    ['a kernel without BTF', elf('.data', BTF), /vmlinux.*no section \.BTF/],
    ['a section that is no BTF', elf('.BTF', new Uint8Array(40)), /neither BTF/],
    ['what is neither', new TextEncoder().encode('hello'), /neither BTF/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => vmlinuxBtf(bytes, 'vmlinux')).toThrow(message);
  });

  it('refuses any damage as bad input', () => {
    const whole = elf('.BTF', BTF);
    const damaged = fc.tuple(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length));
    fc.assert(
      fc.property(damaged, ([at, byte, length]) => {
        const bytes = whole.slice(0, length);
        if (at < bytes.length) bytes[at] = byte;
        try {
          vmlinuxBtf(bytes, 'vmlinux');
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { numRuns: 2000, seed: 7 },
    );
  });
});
