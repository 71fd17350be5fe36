/** How crit prints integers when it prints pretty: names of bits and values, device numbers, addresses. */
import type { FieldCodec } from './descriptor.ts';
import { bad, quote } from './value.ts';

type Bits = readonly (readonly [string, bigint])[];

function bits(names: Readonly<Record<string, number>>): Bits {
  return Object.entries(names).map(([name, bit]) => [name, 1n << BigInt(bit)] as const);
}

/** Names of bits, by the name of the map. */
export const FLAGS: ReadonlyMap<string, Bits> = new Map([
  ['mmap.prot', bits({ PROT_READ: 0, PROT_WRITE: 1, PROT_EXEC: 2 })],
  ['mmap.flags', bits({ MAP_SHARED: 0, MAP_PRIVATE: 1, MAP_DROPPABLE: 3, MAP_ANON: 5, MAP_GROWSDOWN: 8 })],
  [
    'mmap.status',
    bits({
      VMA_AREA_REGULAR: 0,
      VMA_AREA_STACK: 1,
      VMA_AREA_VSYSCALL: 2,
      VMA_AREA_VDSO: 3,
      VMA_AREA_HEAP: 5,
      VMA_FILE_PRIVATE: 6,
      VMA_FILE_SHARED: 7,
      VMA_ANON_SHARED: 8,
      VMA_ANON_PRIVATE: 9,
      VMA_AREA_SYSVIPC: 10,
      VMA_AREA_SOCKET: 11,
      VMA_AREA_VVAR: 12,
      VMA_AREA_AIORING: 13,
      VMA_AREA_MEMFD: 14,
      VMA_AREA_SHSTK: 15,
      VMA_AREA_UPROBES: 17,
      // Drydock's: a mapping of a ring.
      VMA_AREA_IO_URING: 24,
      VMA_UNSUPP: 31,
    }),
  ],
  [
    'rfile.flags',
    bits({
      O_WRONLY: 0,
      O_RDWR: 1,
      O_CREAT: 6,
      O_EXCL: 7,
      O_NOCTTY: 8,
      O_TRUNC: 9,
      O_APPEND: 10,
      O_NONBLOCK: 11,
      O_DSYNC: 12,
      FASYNC: 13,
      O_DIRECT: 14,
      O_LARGEFILE: 15,
      O_DIRECTORY: 16,
      O_NOFOLLOW: 17,
      O_NOATIME: 18,
      O_CLOEXEC: 19,
    }),
  ],
  ['pmap.flags', bits({ PE_PARENT: 0, PE_LAZY: 1, PE_PRESENT: 2 })],
  [
    'seals.flags',
    bits({ F_SEAL_SEAL: 0, F_SEAL_SHRINK: 1, F_SEAL_GROW: 2, F_SEAL_WRITE: 3, F_SEAL_FUTURE_WRITE: 4 }),
  ],
  [
    'iou.setup',
    bits({
      IOPOLL: 0,
      SQPOLL: 1,
      SQ_AFF: 2,
      CQSIZE: 3,
      CLAMP: 4,
      ATTACH_WQ: 5,
      R_DISABLED: 6,
      SUBMIT_ALL: 7,
      COOP_TASKRUN: 8,
      TASKRUN_FLAG: 9,
      SQE128: 10,
      CQE32: 11,
      SINGLE_ISSUER: 12,
      DEFER_TASKRUN: 13,
      NO_MMAP: 14,
      REGISTERED_FD_ONLY: 15,
      NO_SQARRAY: 16,
      HYBRID_IOPOLL: 17,
      CQE_MIXED: 18,
      SQE_MIXED: 19,
    }),
  ],
]);

type Words = ReadonlyMap<bigint, string>;

function words(names: Readonly<Record<string, number>>): Words {
  return new Map(Object.entries(names).map(([name, value]) => [BigInt(value), name]));
}

/** By group, then by the name of the field. */
const DICTS: ReadonlyMap<string, Words> = new Map([
  ['gen.task_state', words({ Alive: 1, Zombie: 3, Stopped: 6 })],
  ['sk.family', words({ UNIX: 1, INET: 2, INET6: 10, NETLINK: 16, PACKET: 17 })],
  ['sk.type', words({ STREAM: 1, DGRAM: 2, RAW: 3, SEQPACKET: 5, PACKET: 10 })],
  [
    'sk.state',
    words({
      ESTABLISHED: 1,
      SYN_SENT: 2,
      SYN_RECV: 3,
      FIN_WAIT1: 4,
      FIN_WAIT2: 5,
      TIME_WAIT: 6,
      CLOSE: 7,
      CLOSE_WAIT: 8,
      LAST_ACK: 9,
      LISTEN: 10,
    }),
  ],
  ['sk.proto', words({ IP: 0, TCP: 6, UDP: 17, UDPLITE: 136 })],
]);

function dictOf(field: FieldCodec): Words | undefined {
  return field.show.dict === undefined ? undefined : DICTS.get(`${field.show.dict}.${field.name}`);
}

/** The text that is shown for an integer; undefined when it is shown as a number. */
export function showInteger(field: FieldCodec, value: bigint, hex: boolean): string | undefined {
  const { show } = field;
  if (hex) return showHex(value);
  if (show.device) return `${value >> MINOR_BITS}:${value & MINOR_MASK}`;
  if (show.oldDevice) return `${oldMajor(value)}:${oldMinor(value)}`;
  if (show.flags !== undefined) return showFlags(FLAGS.get(show.flags), value);
  return dictOf(field)?.get(value);
}

/** The integer that a text stands for. @throws {InputError} */
export function parseInteger(field: FieldCodec, text: string, path: string): bigint {
  const { show } = field;
  if (show.device || show.oldDevice) return parseDevice(text, show.oldDevice === true, path);
  const flags = show.flags === undefined ? undefined : FLAGS.get(show.flags);
  if (flags) return parseFlags(flags, text, path);
  for (const [value, name] of dictOf(field) ?? []) {
    if (name === text) return value;
  }
  return parseNumber(text, path);
}

function showHex(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

function showFlags(names: Bits | undefined, value: bigint): string {
  if (!names) return showHex(value);
  const set = names.filter(([, bit]) => (value & bit) !== 0n);
  const rest = set.reduce((left, [, bit]) => left & ~bit, value);
  return [...set.map(([name]) => name), ...(rest === 0n ? [] : [showHex(rest)])].join(' | ');
}

function parseFlags(names: Bits, text: string, path: string): bigint {
  if (text.trim() === '') return 0n;
  let value = 0n;
  for (const part of text.split('|').map((word) => word.trim())) {
    value |= names.find(([name]) => name === part)?.[1] ?? parseNumber(part, path);
  }
  return value;
}

const NUMBER = /^(-?)(0[xX][0-9a-fA-F]{1,16}|0[oO][0-7]{1,22}|0[bB][01]{1,64}|[0-9]{1,20})$/;

function parseNumber(text: string, path: string): bigint {
  const [, sign, digits] = NUMBER.exec(text) ?? [];
  if (digits === undefined) throw bad(path, `${quote(text)} is no number`);
  return sign === '-' ? -BigInt(digits) : BigInt(digits);
}

/** The kernel's dev_t. */
const MINOR_BITS = 20n;
const MINOR_MASK = (1n << MINOR_BITS) - 1n;

/** The dev_t of C libraries: 12 bits of the major and 8 of the minor come first, for history. */
function oldMajor(device: bigint): bigint {
  return ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
}

function oldMinor(device: bigint): bigint {
  return (device & 0xffn) | ((device >> 12n) & ~0xffn & 0xffff_ffffn);
}

function oldDevice(major: bigint, minor: bigint): bigint {
  return ((major & 0xfffn) << 8n) | ((major & ~0xfffn) << 32n) | (minor & 0xffn) | ((minor & ~0xffn) << 12n);
}

function parseDevice(text: string, old: boolean, path: string): bigint {
  const [, major, minor] = /^([0-9]{1,10}):([0-9]{1,10})$/.exec(text) ?? [];
  if (major === undefined || minor === undefined) throw bad(path, `${quote(text)} is no major:minor`);
  if (old) return oldDevice(BigInt(major), BigInt(minor));
  return (BigInt(major) << MINOR_BITS) | BigInt(minor);
}
