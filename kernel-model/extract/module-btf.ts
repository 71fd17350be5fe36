/**
 * The types of a kernel module, as split BTF over the kernel's own: out of a module file (.ko, packed or not), or
 * out of a copy of /sys/kernel/btf/NAME.
 */
import { InputError } from '../../bpf/input-error.ts';
import { isPacked, unpackFile } from './decompress.ts';

export interface ModuleTypes {
  /** As the kernel calls it: "nf_conntrack". */
  name: string;
  btf: Uint8Array;
}

const MAX_MODULE_BYTES = 64 << 20;
const BTF_MAGIC = 0xeb9f;
const ELF_MAGIC = 0x7f45_4c46;
const HEADER_BYTES = 64;
const SECTION_BYTES = 64;

const WANTED: ReadonlySet<string> = new Set(['.BTF', '.BTF.base', '.modinfo']);

/** File endings of modules, and of packed ones. */
const MODULE_ENDING = /(\.btf|\.ko)?(\.gz|\.xz|\.zst)?$/;

/**
 * @param file path of the file; its name is the module's where the file itself does not say.
 * @throws {InputError} for a file that is neither, or a module without types.
 */
export function readModuleTypes(bytes: Uint8Array, file: string): ModuleTypes {
  const content = isPacked(bytes) ? unpackFile(bytes, MAX_MODULE_BYTES, file) : bytes;
  const fileName = file.replace(/^.*[/\\]/, '').replace(MODULE_ENDING, '');
  // Files use dashes where the kernel has underscores.
  const name = fileName.replaceAll('-', '_');
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  if (content.length >= 4 && view.getUint16(0, true) === BTF_MAGIC) return { name, btf: content };
  if (content.length < HEADER_BYTES || view.getUint32(0, false) !== ELF_MAGIC || content[4] !== 2) {
    throw new InputError('neither a kernel module (ELF64) nor BTF', { file });
  }
  return new ModuleFile(content, view, file).types(name);
}

class ModuleFile {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly file: string;

  constructor(bytes: Uint8Array, view: DataView, file: string) {
    this.bytes = bytes;
    this.view = view;
    this.file = file;
  }

  types(fallback: string): ModuleTypes {
    const sections = this.sections();
    if (sections.has('.BTF.base')) {
      throw this.error('the types stand on a base of their own (.BTF.base), which is not supported');
    }
    const btf = sections.get('.BTF');
    if (!btf) throw this.error('the module has no type information (CONFIG_DEBUG_INFO_BTF_MODULES)');
    return { name: this.nameIn(sections.get('.modinfo')) ?? fallback, btf };
  }

  /** "name=..." of .modinfo. */
  private nameIn(info: Uint8Array | undefined): string | undefined {
    const texts = new TextDecoder().decode(info).split('\0');
    return texts.find((text) => /^name=\w+$/.test(text))?.slice('name='.length);
  }

  /** Content of the sections that have names, by name. */
  private sections(): Map<string, Uint8Array> {
    const table = Number(this.view.getBigUint64(40, true));
    const count = this.view.getUint16(60, true);
    const size = this.view.getUint16(58, true);
    if (size !== SECTION_BYTES || table + count * SECTION_BYTES > this.bytes.length) {
      throw this.error('the section table is cut off');
    }
    const names = this.view.getUint16(62, true);
    const strings = names < count ? this.content(table + names * SECTION_BYTES) : new Uint8Array();
    const found = new Map<string, Uint8Array>();
    for (let i = 0; i < count; i++) {
      const header = table + i * SECTION_BYTES;
      const start = this.view.getUint32(header, true);
      const end = strings.indexOf(0, start);
      if (start >= strings.length || end < 0) continue;
      const name = new TextDecoder().decode(strings.subarray(start, end));
      if (WANTED.has(name) && !found.has(name)) found.set(name, this.content(header));
    }
    return found;
  }

  private content(header: number): Uint8Array {
    const offset = Number(this.view.getBigUint64(header + 24, true));
    const size = Number(this.view.getBigUint64(header + 32, true));
    if (offset + size > this.bytes.length) throw this.error('a section reaches past the end of the file');
    return this.bytes.subarray(offset, offset + size);
  }

  private error(reason: string): InputError {
    return new InputError(reason, { file: this.file });
  }
}
