/** Helpers that print: to a seq_file, to a buffer, to trace_pipe. */
import { Errno } from '../../bpf/errno.ts';
import { HostCall } from '../../bpf/vm-call.ts';
import { PAGE_SIZE } from './address.ts';
import { readable, writable } from './args.ts';
import { endOfFormat, MAX_ARGS, prepareFormat, printFormat } from './format.ts';
import { askHost } from './kernel.ts';
import { currentCpu } from './map.ts';
import { seqPrint, seqWrite } from './seq.ts';
import { beginText, Pad, putByte, putInteger, textLength } from './text.ts';
import { traceBytes } from './trace.ts';

/** Size of a format that is a constant string: up to its NUL. */
const UNKNOWN_SIZE: u32 = 0xffff_ffff;
const LONGEST_FORMAT: u32 = 0x10_0000;

/** Longest text of one trace line (BPF_TRACE_PRINTK_SIZE). */
const TRACE_TEXT: u32 = 1024;
const traceText: usize = memory.data(TRACE_TEXT, 8);
const traceHead: usize = memory.data(128, 8);
/** Arguments of bpf_trace_printk, which come in registers. */
const traceArgs: usize = memory.data(24, 8);
/** ": bpf_trace_printk: ", the name of the event */
const EVENT: usize = memory.data<u8>([
  0x3a, 0x20, 0x62, 0x70, 0x66, 0x5f, 0x74, 0x72, 0x61, 0x63, 0x65, 0x5f, 0x70, 0x72, 0x69, 0x6e, 0x74, 0x6b,
  0x3a, 0x20,
]);
const EVENT_LENGTH: u32 = 20;
/** TASK-PID is right-aligned: 16 bytes of name, '-', 7 of number. */
const TASK_WIDTH: i32 = 24;

/** Linear offset of the arguments, once `checkArgs` has accepted them. */
let args: u32 = 0;

/** bpf_seq_printf: 0, -EINVAL, -ENOSPC, -EOVERFLOW. */
export function seqPrintf(seq: u64, format: u64, formatSize: u32, data: u64, dataLength: u32): i64 {
  const bad = checkArgs(data, dataLength);
  if (bad < 0) return bad;
  const text = formatArgument(format, formatSize);
  if (text === 0) return -Errno.EINVAL;
  const prepared = prepareFormat(text, args, dataLength / 8);
  return prepared < 0 ? prepared : seqPrint(seq, text, args);
}

/** bpf_seq_write: 0 or -EOVERFLOW. */
export function seqWriteHelper(seq: u64, data: u64, length: u32): i64 {
  const from = readable(data, length);
  return from === 0 ? 0 : seqWrite(seq, from, length);
}

/** bpf_snprintf: bytes with NUL that the text has or would have had; -EINVAL, -ENOSPC. */
export function snprintf(to: u64, size: u32, format: u64, data: u64, dataLength: u32): i64 {
  const bad = checkArgs(data, dataLength);
  if (bad < 0) return bad;
  const room = size === 0 ? 0 : writable(to, size);
  if (size !== 0 && room === 0) return 0;
  const text = formatArgument(format, UNKNOWN_SIZE);
  if (text === 0) return -Errno.EINVAL;
  const prepared = prepareFormat(text, args, dataLength / 8);
  return prepared < 0 ? prepared : <i64>printFormat(room, size, text, args) + 1;
}

/** bpf_trace_printk: length of the text; -EINVAL, -ENOSPC. */
export function tracePrintk(format: u64, formatSize: u32, a: u64, b: u64, c: u64): i64 {
  store<u64>(traceArgs, a);
  store<u64>(traceArgs, b, 8);
  store<u64>(traceArgs, c, 16);
  args = <u32>traceArgs;
  return trace(format, formatSize, 3);
}

/** bpf_trace_vprintk: as bpf_trace_printk, with the arguments in memory. */
export function traceVprintk(format: u64, formatSize: u32, data: u64, dataLength: u32): i64 {
  const bad = checkArgs(data, dataLength);
  return bad < 0 ? bad : trace(format, formatSize, dataLength / 8);
}

/** Whole u64 arguments, at most 12: 0 or -EINVAL. */
function checkArgs(data: u64, length: u32): i32 {
  if ((length & 7) !== 0 || length > MAX_ARGS * 8 || (length > 0 && data === 0)) return -Errno.EINVAL;
  args = readable(data, length);
  return args === 0 ? -Errno.EFAULT : 0;
}

/** Linear offset of a format that ends within `size` bytes; 0 when it does not. */
function formatArgument(format: u64, size: u32): u32 {
  if (size !== UNKNOWN_SIZE) {
    const text = readable(format, size);
    return text !== 0 && endOfFormat(text, size) !== 0 ? text : 0;
  }
  // Memory may end with the page that the string ends in, so it is looked at page by page.
  let seen: u32 = 0;
  let known: u32 = PAGE_SIZE - (<u32>format & (PAGE_SIZE - 1));
  while (known < LONGEST_FORMAT) {
    const text = readable(format, known);
    if (text === 0) return 0;
    if (endOfFormat(text + seen, known - seen) !== 0) return text;
    seen = known;
    known += PAGE_SIZE;
  }
  return 0;
}

function trace(format: u64, formatSize: u32, count: u32): i64 {
  const text = formatArgument(format, formatSize);
  if (text === 0) return -Errno.EINVAL;
  const prepared = prepareFormat(text, args, count);
  if (prepared < 0) return prepared;
  const length = printFormat(<u32>traceText, TRACE_TEXT, text, args);
  traceLine(min<u32>(length, TRACE_TEXT - 1));
  return length;
}

/**
 * One line as trace_pipe shows it: "COMM-PID" (right-aligned in 24), CPU, the flags of an ordinary context,
 * seconds since boot, the event's name, the text.
 */
function traceLine(length: u32): void {
  const task = <u32>askHost(HostCall.TraceTask, traceHead, 64, 0, 0, 0);
  const time = askHost(HostCall.Time, 0, 0, 0, 0, 0) / 1000;
  beginText(<u32>traceHead + 64, 64);
  putByte(0x20);
  putByte(0x5b);
  putInteger(currentCpu, 10, false, false, Pad.Zero, 3);
  putByte(0x5d);
  putByte(0x20);
  for (let i = 0; i < 5; i++) putByte(0x2e);
  putByte(0x20);
  putInteger(time / 1_000_000, 10, false, false, Pad.None, 5);
  putByte(0x2e);
  putInteger(time % 1_000_000, 10, false, false, Pad.Zero, 6);
  const rest = textLength();
  for (let spaces = TASK_WIDTH - <i32>task; spaces > 0; spaces--) traceBytes(<u32>SPACE, 1);
  traceBytes(<u32>traceHead, task);
  traceBytes(<u32>traceHead + 64, rest);
  traceBytes(<u32>EVENT, EVENT_LENGTH);
  traceBytes(<u32>traceText, length);
  traceBytes(<u32>SPACE + 1, 1);
}

/** A space and a newline. */
const SPACE: usize = memory.data<u8>([0x20, 0x0a]);
