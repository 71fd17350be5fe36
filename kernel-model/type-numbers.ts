/**
 * Numbers behind the names of register, argument and return types ("PTR_TO_MEM|MEM_RDONLY"). Profiles hold
 * names, since the numbers change between kernels; everything that computes uses these, those of Linux 6.12.
 */
import { InputError } from '../bpf/input-error.ts';

const FLAGS = `
  PTR_MAYBE_NULL MEM_RDONLY MEM_RINGBUF MEM_USER MEM_PERCPU OBJ_RELEASE PTR_UNTRUSTED MEM_UNINIT DYNPTR_TYPE_LOCAL
  DYNPTR_TYPE_RINGBUF MEM_FIXED_SIZE MEM_ALLOC PTR_TRUSTED MEM_RCU NON_OWN_REF DYNPTR_TYPE_SKB DYNPTR_TYPE_XDP
  MEM_ALIGNED MEM_WRITE
`;
const REGISTERS = `
  NOT_INIT SCALAR_VALUE PTR_TO_CTX CONST_PTR_TO_MAP PTR_TO_MAP_VALUE PTR_TO_MAP_KEY PTR_TO_STACK PTR_TO_PACKET_META
  PTR_TO_PACKET PTR_TO_PACKET_END PTR_TO_FLOW_KEYS PTR_TO_SOCKET PTR_TO_SOCK_COMMON PTR_TO_TCP_SOCK PTR_TO_TP_BUFFER
  PTR_TO_XDP_SOCK PTR_TO_BTF_ID PTR_TO_MEM PTR_TO_ARENA PTR_TO_BUF PTR_TO_FUNC CONST_PTR_TO_DYNPTR
`;
const ARGUMENTS = `
  ARG_DONTCARE ARG_CONST_MAP_PTR ARG_PTR_TO_MAP_KEY ARG_PTR_TO_MAP_VALUE ARG_PTR_TO_MEM ARG_PTR_TO_ARENA ARG_CONST_SIZE
  ARG_CONST_SIZE_OR_ZERO ARG_PTR_TO_CTX ARG_ANYTHING ARG_SCALAR ARG_PTR_TO_SPIN_LOCK ARG_PTR_TO_SOCK_COMMON
  ARG_PTR_TO_SOCKET ARG_PTR_TO_BTF_ID ARG_PTR_TO_RINGBUF_MEM ARG_CONST_ALLOC_SIZE_OR_ZERO ARG_PTR_TO_BTF_ID_SOCK_COMMON
  ARG_PTR_TO_PERCPU_BTF_ID ARG_PTR_TO_FUNC ARG_PTR_TO_STACK ARG_PTR_TO_CONST_STR ARG_PTR_TO_TIMER ARG_KPTR_XCHG_DEST
  ARG_PTR_TO_DYNPTR
`;
const RETURNS = `
  RET_INTEGER RET_VOID RET_PTR_TO_MAP_VALUE RET_PTR_TO_SOCKET RET_PTR_TO_TCP_SOCK RET_PTR_TO_SOCK_COMMON RET_PTR_TO_MEM
  RET_PTR_TO_MEM_OR_BTF_ID RET_PTR_TO_BTF_ID
`;
/** Names that older kernels used. */
const OLD_NAMES: readonly [old: string, current: string][] = [
  ['ARG_PTR_TO_ALLOC_MEM', 'ARG_PTR_TO_RINGBUF_MEM'],
  ['ARG_PTR_TO_KPTR', 'ARG_KPTR_XCHG_DEST'],
  ['PTR_TO_DYNPTR', 'CONST_PTR_TO_DYNPTR'],
  ['RET_PTR_TO_ALLOC_MEM', 'RET_PTR_TO_MEM'],
];
/** Flags stand above the eight bits of the base type. */
const FIRST_FLAG_BIT = 8;

const NUMBERS = new Map<string, number>();
words(FLAGS).forEach((name, index) => {
  NUMBERS.set(name, 1 << (FIRST_FLAG_BIT + index));
});
for (const list of [REGISTERS, ARGUMENTS, RETURNS]) {
  words(list).forEach((name, index) => {
    NUMBERS.set(name, index);
  });
}
for (const [old, current] of OLD_NAMES) NUMBERS.set(old, NUMBERS.get(current) as number);

/** Base type plus flags. @throws {InputError} for a name that is not known. */
export function typeNumber(spelling: string): number {
  return spelling.split('|').reduce((sum, name) => {
    const value = NUMBERS.get(name);
    if (value === undefined) throw new InputError(`unknown register or argument type "${name}"`);
    return sum | value;
  }, 0);
}

/** All names with their numbers. */
export function typeNumbers(): ReadonlyMap<string, number> {
  return NUMBERS;
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
