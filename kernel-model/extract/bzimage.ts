/**
 * A Linux x86 boot image (bzImage, "vmlinuz"): finds the compressed kernel inside and unpacks it. Fields are
 * those of the kernel's documentation, arch/x86/boot ("The Linux/x86 Boot Protocol").
 */
import { InputError } from '../../bpf/input-error.ts';
import { decompress } from './decompress.ts';

/** Larger kernels than this are refused; distribution kernels unpack to 50 to 90 MB. */
export const MAX_KERNEL_BYTES = 256 << 20;

const SETUP_SECTS = 0x1f1;
const BOOT_FLAG = 0x1fe;
const HEADER_MAGIC = 0x202;
const VERSION = 0x206;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const HEADER_END = 0x250;
const SECTOR = 512;
/** First protocol version that says where the payload is. */
const PAYLOAD_VERSION = 0x208;

/**
 * The ELF file (vmlinux) inside a boot image; an ELF file is returned as it is.
 * @throws {InputError} for anything that is not an x86 boot image with a payload we can unpack.
 */
export function unpackKernel(bytes: Uint8Array, file?: string): Uint8Array {
  if (isElf(bytes)) {
    if (bytes.length > MAX_KERNEL_BYTES) throw new InputError('the kernel is larger than 256 MiB', { file });
    return bytes;
  }
  const kernel = decompress(payload(bytes, file), MAX_KERNEL_BYTES, file);
  if (!isElf(kernel)) throw new InputError('the payload of the boot image is not an ELF file', { file });
  return kernel;
}

function payload(bytes: Uint8Array, file: string | undefined): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const error = (reason: string, offset: number) => new InputError(reason, { file, offset });
  if (bytes.length < HEADER_END) throw error(`too short for a kernel image: ${bytes.length} bytes`, 0);
  if (view.getUint16(BOOT_FLAG, true) !== 0xaa55 || view.getUint32(HEADER_MAGIC, true) !== 0x5372_6448) {
    throw error('neither an x86 boot image (vmlinuz) nor an ELF file', HEADER_MAGIC);
  }
  const version = view.getUint16(VERSION, true);
  if (version < PAYLOAD_VERSION) {
    throw error(
      `boot protocol 0x${version.toString(16)} is older than 2.08, the payload cannot be found`,
      VERSION,
    );
  }
  // 0 means 4, from the days of floppy disks
  const sectors = (bytes[SETUP_SECTS] as number) || 4;
  const start = (sectors + 1) * SECTOR + view.getUint32(PAYLOAD_OFFSET, true);
  const length = view.getUint32(PAYLOAD_LENGTH, true);
  if (length === 0 || start + length > bytes.length) {
    throw error(`payload of ${length} bytes at 0x${start.toString(16)} reaches past the end`, PAYLOAD_OFFSET);
  }
  return bytes.subarray(start, start + length);
}

function isElf(bytes: Uint8Array): boolean {
  return (
    bytes.length >= 4 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46
  );
}
