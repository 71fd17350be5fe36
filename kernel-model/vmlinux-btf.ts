/** The types of a kernel out of what people have of it: its vmlinux, or /sys/kernel/btf/vmlinux. */
import { InputError } from '../bpf/input-error.ts';

const ELF_MAGIC = 0x464c457f;
const BTF_MAGIC = 0xeb9f;
const SECTION_HEADER = 64;
/** Largest BTF that is taken; that of distribution kernels has 4 to 10 MB. */
const MOST_BYTES = 64 << 20;

/** Whether the bytes may be one of both: objects of BPF programs are not. */
export function isVmlinux(bytes: Uint8Array): boolean {
  const view = viewOf(bytes);
  if (bytes.length >= 2 && view.getUint16(0, true) === BTF_MAGIC) return true;
  return isElf(view) && view.getUint16(18, true) !== EM_BPF && view.getUint16(18, true) !== 0;
}

const EM_BPF = 247;

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function isElf(view: DataView): boolean {
  return view.byteLength >= 64 && view.getUint32(0, true) === ELF_MAGIC;
}

/**
 * The BTF blob, not checked any further.
 * @throws {InputError} for anything else than raw BTF or a 64-bit little-endian ELF file with a .BTF section.
 */
export function vmlinuxBtf(bytes: Uint8Array, file: string): Uint8Array {
  const view = viewOf(bytes);
  const found = isElf(view) ? elfSection(bytes, view, '.BTF', file) : bytes;
  if (found.length > MOST_BYTES) throw new InputError(`BTF of ${found.length} bytes is too much`, { file });
  if (found.length < 24 || viewOf(found).getUint16(0, true) !== BTF_MAGIC)
    throw new InputError('neither BTF nor a vmlinux with BTF (CONFIG_DEBUG_INFO_BTF)', { file });
  return found;
}

/** Only what is needed to find one section, every offset checked. */
function elfSection(bytes: Uint8Array, view: DataView, name: string, file: string): Uint8Array {
  const bad = (reason: string, offset: number) => new InputError(reason, { file, offset });
  if (bytes[4] !== 2 || bytes[5] !== 1) throw bad('not a 64-bit little-endian ELF file', 4);
  const table = Number(view.getBigUint64(40, true));
  const count = view.getUint16(60, true);
  const names = view.getUint16(62, true);
  if (view.getUint16(58, true) !== SECTION_HEADER || table + count * SECTION_HEADER > bytes.length)
    throw bad('its section headers lie outside of the file', 40);
  const section = (index: number): Uint8Array => {
    if (index >= count) throw bad('it has no section names', 62);
    const at = table + index * SECTION_HEADER;
    const offset = Number(view.getBigUint64(at + 24, true));
    const size = Number(view.getBigUint64(at + 32, true));
    if (offset + size > bytes.length) throw bad(`section ${index} lies outside of the file`, at);
    return bytes.subarray(offset, offset + size);
  };
  const strings = section(names);
  const wanted = new TextEncoder().encode(`${name}\0`);
  for (let index = 1; index < count; index++) {
    const start = view.getUint32(table + index * SECTION_HEADER, true);
    if (wanted.every((byte, i) => strings[start + i] === byte)) return section(index);
  }
  throw bad(`it has no section ${name}: the kernel was built without CONFIG_DEBUG_INFO_BTF`, table);
}
