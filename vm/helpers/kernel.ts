/** Helpers about paths, mappings, symbols and files. */
import { VmCall } from '../../bpf/abi.ts';
import { PAGE_STRUCT_SIZE, VMEMMAP } from '../../bpf/address.ts';
import { BtfKind } from '../../bpf/btf.ts';
import { Errno } from '../../bpf/errno.ts';
import { HelperId } from '../../bpf/helper-id.ts';
import { Layout } from '../../kernel-model/layout.ts';
import type { HelperCall } from '../helper-call.ts';
import type { HelperContext, HelperGroup } from './context.ts';

const U64_MAX = (1n << 64n) - 1n;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function kernelHelpers(context: HelperContext): HelperGroup {
  return [
    [HelperId.DPath, (call) => dPath(context, call)],
    [HelperId.SockFromFile, (call) => sockFromFile(context, call.arg(1))],
    [HelperId.KallsymsLookupName, (call) => lookupName(context, call)],
    [HelperId.FindVma, (call) => findVma(context, call)],
    [VmCall.PageToPfn, (call) => pageToPfn(call.arg(1))],
  ];
}

/**
 * `long bpf_d_path(struct path *path, char *buf, u32 sz)`: the length with NUL; 0 for no room at all,
 * -ENAMETOOLONG for too little, or what the kernel says about the path.
 */
function dPath(context: HelperContext, call: HelperCall): number {
  const room = call.arg32(3);
  if (room === 0) return 0;
  const path = context.services.dPath(call.arg(1));
  if (typeof path === 'number') return path;
  const bytes = encoder.encode(`${path}\0`);
  if (bytes.length > room) return -Errno.ENAMETOOLONG;
  const error = context.store(call.arg(2), bytes);
  return error < 0 ? error : bytes.length;
}

/** `struct socket *bpf_sock_from_file(struct file *file)`: 0 when the file is not a socket. */
function sockFromFile(context: HelperContext, file: bigint): bigint {
  const { services, ram } = context;
  const id = services.btf.find('file', BtfKind.Struct);
  const operations = services.symbolAddress('socket_file_ops');
  if (id === 0 || operations === undefined) return 0n;
  const layout = new Layout(services.btf, id);
  const pointer = (member: string): bigint => {
    const bytes = ram.read(file + BigInt(layout.offset(member)), 8);
    return bytes === null ? 0n : new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  };
  return pointer('f_op') === operations ? pointer('private_data') : 0n;
}

/** `long bpf_kallsyms_lookup_name(const char *name, int name_sz, int flags, u64 *res)` */
function lookupName(context: HelperContext, call: HelperCall): number {
  const size = call.arg32(2) | 0;
  if (call.arg32(3) !== 0 || size <= 1) return -Errno.EINVAL;
  const bytes = context.ram.read(call.arg(1), size);
  if (bytes === null) return -Errno.EFAULT;
  if (bytes[size - 1] !== 0) return -Errno.EINVAL;
  const address = context.services.symbolAddress(decoder.decode(bytes.subarray(0, bytes.indexOf(0))));
  const result = new Uint8Array(8);
  new DataView(result.buffer).setBigUint64(0, address ?? 0n, true);
  const error = context.store(call.arg(4), result);
  return error < 0 ? error : address === undefined ? -Errno.ENOENT : 0;
}

/**
 * `long bpf_find_vma(task, u64 addr, callback_fn, void *ctx, u64 flags)`: calls back with (task, vma, ctx) and
 * returns 0; -EINVAL (flags), -ENOENT (no task, no such mapping), -EBUSY (mmap_lock is held).
 */
function findVma(context: HelperContext, call: HelperCall): number {
  if (call.arg(5) !== 0n) return -Errno.EINVAL;
  const task = call.arg(1);
  if (task === 0n) return -Errno.ENOENT;
  const vma = context.services.findVma(task, call.arg(2));
  if (typeof vma === 'number') return vma;
  if (vma === 0n) return -Errno.ENOENT;
  call.callback(call.arg(3), [task, vma, call.arg(4)]);
  return 0;
}

/** `u64 bpf_page_to_pfn(struct page *page)` of the io_uring iterator series: U64_MAX for NULL. */
function pageToPfn(page: bigint): bigint {
  return page === 0n
    ? U64_MAX
    : BigInt.asUintN(64, BigInt.asIntN(64, page - VMEMMAP) / BigInt(PAGE_STRUCT_SIZE));
}
