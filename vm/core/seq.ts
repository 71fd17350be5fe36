/**
 * seq_file output. The `struct seq_file` in model memory is the truth; the host says where its members stand
 * in the kernel's layout.
 */

import { FaultKind } from '../../bpf/abi.ts';
import { Errno } from '../../bpf/errno.ts';
import { raiseFault } from './fault.ts';
import { printFormat } from './format.ts';
import { translate } from './ram.ts';

/** Offsets of buf, size and count in struct seq_file. */
let bufOffset: u32 = 0;
let sizeOffset: u32 = 8;
let countOffset: u32 = 24;

/** Linear offset of the free room of the file that `openSeq` was given, and how much there is. */
let file: u64 = 0;
let room: u32 = 0;
let roomSize: u32 = 0;

export function setSeqLayout(buf: u32, size: u32, count: u32): void {
  bufOffset = buf;
  sizeOffset = size;
  countOffset = count;
}

/** bpf_seq_write: 0 or -EOVERFLOW. Exactly filling the buffer counts as an overflow. */
export function seqWrite(seq: u64, data: u32, length: u32): i32 {
  if (!openSeq(seq)) return -Errno.EFAULT;
  if (length >= roomSize) return overflow();
  memory.copy(room, data, length);
  advance(length);
  return 0;
}

/** Prints a format that `prepareFormat` has accepted: 0 or -EOVERFLOW. */
export function seqPrint(seq: u64, format: u32, args: u32): i32 {
  if (!openSeq(seq)) return -Errno.EFAULT;
  if (roomSize === 0) return overflow();
  const length = printFormat(room, roomSize, format, args);
  if (length >= roomSize) return overflow();
  advance(length);
  return 0;
}

/** False, with a fault raised, when the address is not one of a seq_file with a buffer. */
function openSeq(seq: u64): bool {
  file = seq;
  const buf = member(bufOffset);
  const size = member(sizeOffset);
  const count = member(countOffset);
  if (buf === 0 || size === 0 || count === 0) return notSeqFile(seq);
  const used = load<u64>(count);
  const all = load<u64>(size);
  if (used > all || all > 0xffff_ffff) return notSeqFile(seq);
  roomSize = <u32>(all - used);
  room = roomSize === 0 ? 0 : translate(load<u64>(buf) + used, roomSize, true);
  return roomSize === 0 || room !== 0 || notSeqFile(load<u64>(buf));
}

function notSeqFile(address: u64): bool {
  raiseFault(FaultKind.BadArgument, address);
  return false;
}

function member(offset: u32): u32 {
  return translate(file + offset, 8, true);
}

function advance(length: u32): void {
  const count = member(countOffset);
  store<u64>(count, load<u64>(count) + length);
}

/** A full buffer is how seq_file tells that something did not fit. */
function overflow(): i32 {
  store<u64>(member(countOffset), load<u64>(member(sizeOffset)));
  return -Errno.EOVERFLOW;
}
