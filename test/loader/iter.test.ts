/** The core path: an iterator from file to program. */
import { describe, expect, it } from 'vitest';
import { BtfKind } from '../../bpf/btf.ts';
import { kernelBtf, load, program, slots } from './support.ts';

describe.each([
  ['iter', false],
  ['iter.be', true],
] as const)('%s', (name, bigEndian) => {
  const object = load(name);
  const dump = program(object, 'dump');

  it('says what the object is', () => {
    expect(object).toMatchObject({ license: 'Dual BSD/GPL', version: 0x060c00, bigEndian });
    expect(object.file).toBe(`${name}.bpf.o`);
    expect(object.modules).toEqual(['vmlinux']);
  });

  it("is an iterator over the kernel's tasks", () => {
    expect(dump).toMatchObject({ type: 26, expectedAttachType: 28, section: 'iter/task', flags: 0 });
    expect(dump.attachTarget).toEqual({ name: 'task', btfId: kernelBtf.find('bpf_iter_task', BtfKind.Func) });
    expect(dump.error).toBeUndefined();
  });

  it('reads the pid where the kernel has it', () => {
    expect(slots(dump)).toContainEqual(expect.objectContaining({ code: 0x61, offset: 8 }));
  });

  it('is the same code whatever the byte order of the file', () => {
    const other = program(load('iter'), 'dump');
    expect(Buffer.from(dump.insns).toString('hex')).toBe(Buffer.from(other.insns).toString('hex'));
  });

  it('another program of the object that cannot be attached does not matter', () => {
    expect(program(object, 'no_target').error).toContain("'nothing'");
  });
});

it('gives the same bytes every time', () => {
  const text = () => JSON.stringify(load('iter'), (_, v) => (typeof v === 'bigint' ? String(v) : v));
  expect(text()).toBe(text());
});
