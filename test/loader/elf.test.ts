/** Hostile object files: each check of the reader, with the place that its error names. */
import { describe, expect, it } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { ElfFile } from '../../loader/elf.ts';
import { loadObject } from '../../loader/index.ts';
import { kernelBtf, load, program, readObject } from './support.ts';

/** A copy of an object whose headers and tables can be overwritten. */
class Editable {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  private readonly elf: ElfFile;
  private readonly table: number;

  constructor(name: string) {
    this.bytes = readObject(name);
    this.view = new DataView(this.bytes.buffer);
    this.elf = ElfFile.parse(this.bytes);
    this.table = Number(this.view.getBigUint64(40, true));
  }

  section(name: string) {
    const section = this.elf.section(name);
    if (!section) throw new Error(`no section ${name}`);
    return section;
  }

  /** Place of a field of a section's header. */
  header(name: string, field: number): number {
    return this.table + 64 * this.section(name).index + field;
  }

  /** Place of a field of a symbol's record. */
  symbol(name: string, field: number): number {
    const symbol = this.elf.symbols.find((candidate) => candidate.name === name);
    const table = this.elf.sections[this.elf.symtab];
    if (!symbol || !table) throw new Error(`no symbol ${name}`);
    return table.offset + 24 * symbol.index + field;
  }
}

const TYPE = 4;
const OFFSET = 24;
const SIZE = 32;
const LINK = 40;
const INFO = 44;
const ENTRY = 56;

function refusal(bytes: Uint8Array): InputError {
  try {
    loadObject(bytes, { file: 'bad.bpf.o', kernelBtf });
  } catch (cause) {
    if (cause instanceof InputError) return cause;
    throw cause;
  }
  throw new Error('the object was accepted');
}

describe('headers', () => {
  it.each<[string, (edit: Editable) => void, string]>([
    ['magic', ({ bytes }) => bytes.set([0], 0), 'the magic is missing'],
    ['32 bits', ({ bytes }) => bytes.set([1], 4), 'not a 64-bit ELF file'],
    ['byte order', ({ bytes }) => bytes.set([3], 5), 'unknown byte order 3'],
    ['executable', ({ view }) => view.setUint16(16, 2, true), 'not a relocatable object file'],
    ['x86', ({ view }) => view.setUint16(18, 62, true), 'ELF machine 62'],
    ['section table', ({ view }) => view.setBigUint64(40, 1n << 60n, true), 'past the end of the file'],
    ['header size', ({ view }) => view.setUint16(58, 40, true), 'section headers of 40 bytes'],
    ['section count', ({ view }) => view.setUint16(60, 0xfeff, true), '65279 section headers reach past'],
    ['names', ({ view }) => view.setUint16(62, 2, true), 'not the table of section names'],
  ])('%s', (_, damage, reason) => {
    const edit = new Editable('iter');
    damage(edit);
    const error = refusal(edit.bytes);
    expect(error.message).toContain(reason);
    expect(error.file).toBe('bad.bpf.o');
    expect(error.offset).toBeTypeOf('number');
  });

  it('a file of no bytes', () => {
    expect(refusal(new Uint8Array(0)).message).toContain('0 bytes');
  });

  it('a number of sections beyond 16 bits that the file cannot hold', () => {
    const edit = new Editable('iter');
    const table = Number(edit.view.getBigUint64(40, true));
    edit.view.setUint16(60, 0, true);
    edit.view.setBigUint64(table + SIZE, 0xffff_ffff_ffffn, true);
    expect(refusal(edit.bytes).message).toContain('section headers reach past the end');
  });
});

describe('sections', () => {
  it.each<[string, (edit: Editable) => void, string]>([
    [
      'past the end',
      (e) => e.view.setBigUint64(e.header('iter/task', SIZE), 1n << 40n, true),
      'reaches past the end',
    ],
    ['overlap', (e) => e.view.setBigUint64(e.header('.BTF', OFFSET), 100n, true), 'overlaps'],
    [
      'over the header',
      (e) => e.view.setBigUint64(e.header('license', OFFSET), 8n, true),
      'overlaps the ELF header',
    ],
    ['name', (e) => e.view.setUint32(e.header('license', 0), 0xffff_fff0, true), 'outside the string table'],
    ['no symbols', (e) => e.view.setUint32(e.header('.symtab', TYPE), 1, true), 'no symbol table'],
    [
      'two symbol tables',
      (e) => e.view.setUint32(e.header('license', TYPE), 2, true),
      'more than one symbol table',
    ],
    [
      'symbol size',
      (e) => e.view.setBigUint64(e.header('.symtab', ENTRY), 16n, true),
      'malformed symbol table',
    ],
    ['symbol names', (e) => e.view.setUint32(e.header('.symtab', LINK), 2, true), 'not a string table'],
    [
      'relocation size',
      (e) => e.view.setBigUint64(e.header('.reliter/task', ENTRY), 24n, true),
      'relocation records of 24',
    ],
    [
      'relocated section',
      (e) => e.view.setUint32(e.header('.reliter/task', INFO), 999, true),
      'relocates section 999',
    ],
    [
      '4 GiB of zeros',
      (e) => e.view.setBigUint64(e.header('.bss', SIZE), 1n << 33n, true),
      'larger than 4 GiB',
    ],
  ])('%s', (_, damage, reason) => {
    const edit = new Editable('iter');
    damage(edit);
    expect(refusal(edit.bytes).message).toContain(reason);
  });

  it('a large .bss takes no memory', () => {
    const edit = new Editable('iter');
    edit.view.setBigUint64(edit.header('.bss', SIZE), 0xc000_0000n, true);
    const before = process.memoryUsage().arrayBuffers;
    const object = loadObject(edit.bytes, { kernelBtf });
    const bss = object.maps.find(({ section }) => section === '.bss');
    expect(bss).toMatchObject({ valueSize: 0xc000_0000 });
    expect(bss?.data).toBeUndefined();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 24);
  });
});

describe('symbols and relocations', () => {
  it('a program that crosses its section', () => {
    const edit = new Editable('iter');
    edit.view.setBigUint64(edit.symbol('dump', 16), 4096n, true);
    const error = refusal(edit.bytes);
    expect(error.reason).toBe("sec 'iter/task': program at offset 0 crosses section boundary");
    expect(error).toMatchObject({ section: 'iter/task', offset: 0 });
  });

  it.each([
    ['not whole instructions', 12n],
    ['nothing', 0n],
  ])('a program of %s', (_, size) => {
    const edit = new Editable('iter');
    edit.view.setBigUint64(edit.symbol('dump', 16), size, true);
    expect(refusal(edit.bytes).reason).toContain("corrupted program 'dump'");
  });

  it('a static program', () => {
    const edit = new Editable('iter');
    edit.bytes[edit.symbol('dump', 4)] = 2; // STB_LOCAL, STT_FUNC
    expect(refusal(edit.bytes).reason).toBe("sec 'iter/task': program 'dump' is static and not supported");
  });

  it('programs that overlap', () => {
    const edit = new Editable('link');
    const place = edit.symbol('calls_reversed', 8);
    edit.view.setBigUint64(place, 8n, true);
    expect(refusal(edit.bytes).reason).toContain('overlap');
  });

  it.each<[string, number, bigint, string]>([
    ['symbol', 12, 0xffffn, 'relocation against symbol'],
    ['offset past the end', 0, 0x1_0000n, 'is no instruction'],
    ['offset within an instruction', 0, 0x14n, 'is no instruction'],
    ['instruction', 0, 0n, 'invalid relo against'],
  ])('a relocation with a bad %s', (_, field, value, reason) => {
    const edit = new Editable('iter');
    const place = edit.section('.reliter/task').offset + field;
    if (field === 0) edit.view.setBigUint64(place, value, true);
    else edit.view.setUint32(place, Number(value), true);
    expect(refusal(edit.bytes).reason).toContain(reason);
  });

  it('a call into the data', () => {
    const edit = new Editable('link');
    const symbol = edit.symbol('shared', 6);
    edit.view.setUint16(symbol, edit.section('.bss').index, true);
    expect(refusal(edit.bytes).reason).toContain('bad call relo against');
  });
});

describe('.BTF.ext', () => {
  it.each<[string, number, number, string]>([
    ['magic', 0, 0x1234, 'bad .BTF.ext magic'],
    ['header length', 4, 0xffff_ffff, 'bad .BTF.ext header length'],
    ['table past the end', 12, 0x7fff_fff0, 'reaches past the section'],
    ['alignment', 8, 2, 'not aligned'],
    ['record size', 32, 7, 'bad .BTF.ext record size'],
    ['record count', 40, 0x4000_0000, 'reach past their table'],
    ['no records', 40, 0, 'without records'],
    ['section name', 36, 0x7fff_ffff, 'outside the string section'],
  ])('%s', (_, field, value, reason) => {
    const edit = new Editable('iter');
    edit.view.setUint32(edit.section('.BTF.ext').offset + field, value, true);
    expect(refusal(edit.bytes).reason).toContain(reason);
  });
});

it('what only one program needs stops only that program', () => {
  const edit = new Editable('link');
  // the call of `shared` becomes one to a place where no subprogram is
  const object = loadObject(edit.bytes, { kernelBtf });
  expect(program(object, 'calls_none').error).toBeUndefined();
  const text = edit.section('tc');
  edit.view.setInt32(text.offset + 8 * 2 + 4, 100_000, true);
  const damaged = loadObject(edit.bytes, { kernelBtf });
  expect(program(damaged, 'calls_both').error).toContain('sub-program call');
  expect(program(damaged, 'calls_reversed').error).toBeUndefined();
  expect(load('link').programs).toHaveLength(5);
});
