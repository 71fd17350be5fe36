/** bpf_snprintf_btf and bpf_seq_printf_btf. */
import { Errno } from '../../bpf/errno.ts';
import { HelperId } from '../../bpf/helper-id.ts';
import type { HelperCall } from '../helper-call.ts';
import { BtfPrintFlag, type BtfText, printBtf, TooManyValues } from './btf-print.ts';
import { type HelperContext, type HelperGroup, readError } from './context.ts';

/** sizeof(struct btf_ptr): u64 ptr, u32 type_id, u32 flags */
const BTF_PTR_SIZE = 16;

const encoder = new TextEncoder();

export function printHelpers(context: HelperContext): HelperGroup {
  return [
    [HelperId.SnprintfBtf, (call) => snprintfBtf(context, call)],
    [HelperId.SeqPrintfBtf, (call) => seqPrintfBtf(context, call)],
  ];
}

/**
 * `long bpf_snprintf_btf(char *str, u32 str_size, struct btf_ptr *ptr, u32 btf_ptr_size, u64 flags)`
 * @returns the length without NUL that the text has or, where it is cut, would have had; -EINVAL (flags,
 * size), -ENOENT (no such type), -EFAULT, -ERANGE (the value cannot be read)
 */
function snprintfBtf(context: HelperContext, call: HelperCall): number {
  const made = describe(context, call.arg(3), call.arg32(4), call.arg(5));
  if (typeof made === 'number') return made;
  const bytes = encoder.encode(made.text);
  const room = call.arg32(2);
  if (room > 0) {
    const stored = new Uint8Array(Math.min(room, bytes.length + 1));
    stored.set(bytes.subarray(0, stored.length - 1));
    const error = context.store(call.arg(1), stored);
    if (error < 0) return error;
  }
  return made.status < 0 ? made.status : bytes.length;
}

/**
 * `long bpf_seq_printf_btf(struct seq_file *m, struct btf_ptr *ptr, u32 ptr_size, u64 flags)`
 * @returns 0, or the errors of bpf_snprintf_btf. A full buffer is marked in the seq_file only.
 */
function seqPrintfBtf(context: HelperContext, call: HelperCall): number {
  const made = describe(context, call.arg(2), call.arg32(3), call.arg(4));
  if (typeof made === 'number') return made;
  if (!context.seqFiles.append(call.arg(1), encoder.encode(made.text))) return -Errno.EFAULT;
  return made.status;
}

function describe(
  context: HelperContext,
  pointer: bigint,
  pointerSize: number,
  flags: bigint,
): BtfText | number {
  const { ram, services } = context;
  if ((flags & ~BigInt(BtfPrintFlag.All)) !== 0n || pointerSize !== BTF_PTR_SIZE) return -Errno.EINVAL;
  const record = ram.read(pointer, BTF_PTR_SIZE);
  if (record === null) return -Errno.EFAULT;
  const view = new DataView(record.buffer, record.byteOffset);
  const id = view.getUint32(8, true);
  if (id === 0) return -Errno.EINVAL;
  if (id >= services.btf.typeCount) return -Errno.ENOENT;
  const read = (address: bigint, length: number): Uint8Array | number =>
    ram.read(address, length) ?? readError(address);
  try {
    return printBtf(services.btf, id, view.getBigUint64(0, true), Number(flags), read);
  } catch (error) {
    if (error instanceof TooManyValues) return -Errno.E2BIG;
    throw error;
  }
}
