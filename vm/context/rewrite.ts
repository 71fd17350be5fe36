/**
 * What Linux does to a program's accesses of its context after having verified it, done to the program's
 * instructions one for one: loads of packet pointers become 64-bit loads of where the record has them, and
 * stores to fields that the kernel keeps in 16 bits become 16 bits wide. Everything else stands in the record
 * where the ABI says.
 */
import { SLOT_SIZE } from '../../bpf/decode.ts';
import type { InsnFacts } from '../../bpf/insn-facts.ts';
import { Class, Size } from '../../bpf/isa.ts';
import { ProgType } from '../../loader/prog-type.ts';
import { POINTERS, SKB, SKB_SIZE, XDP, XDP_SIZE } from './record.ts';

/** Accesses of one kind of context that differ from the ABI's layout. */
export interface ContextLayout {
  /** u32 fields that give a pointer: offset in the ABI -> offset of the u64 in the record. */
  readonly pointers: ReadonlyMap<number, number>;
  /** Offsets of u32 fields of which a store keeps the low 16 bits. */
  readonly halves: ReadonlySet<number>;
}

const SKB_LAYOUT: ContextLayout = {
  pointers: new Map([
    [SKB.data, SKB_SIZE + POINTERS.data],
    [SKB.data_end, SKB_SIZE + POINTERS.dataEnd],
    [SKB.data_meta, SKB_SIZE + POINTERS.dataMeta],
  ]),
  halves: new Set([SKB.tc_index, SKB.tc_classid, SKB.queue_mapping]),
};

const XDP_LAYOUT: ContextLayout = {
  pointers: new Map([
    [XDP.data, XDP_SIZE + POINTERS.data],
    [XDP.data_end, XDP_SIZE + POINTERS.dataEnd],
    [XDP.data_meta, XDP_SIZE + POINTERS.dataMeta],
  ]),
  halves: new Set(),
};

/** Types whose context is a `struct __sk_buff`. */
export const SKB_TYPES: ReadonlySet<number> = new Set([
  ProgType.SocketFilter,
  ProgType.SchedCls,
  ProgType.SchedAct,
  ProgType.CgroupSkb,
  ProgType.LwtIn,
  ProgType.LwtOut,
  ProgType.LwtXmit,
  ProgType.SkSkb,
  ProgType.LwtSeg6local,
  ProgType.FlowDissector,
]);

/** Undefined for types whose accesses need no change. */
export function contextLayout(type: number): ContextLayout | undefined {
  if (type === ProgType.Xdp) return XDP_LAYOUT;
  return SKB_TYPES.has(type) ? SKB_LAYOUT : undefined;
}

/** First imm of a store to `queue_mapping` that the kernel ignores. */
const NO_QUEUE_MAPPING = 0xffff;
const JUMP = Class.Jmp;

/** Changes the instructions in place. @param facts of the same instructions before maps and calls were resolved. */
export function rewriteContext(code: Uint8Array, facts: InsnFacts, layout: ContextLayout): void {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  for (const slot of facts.contextAccesses) rewriteAccess(view, slot * SLOT_SIZE, layout);
}

/** The pointer to the context is never moved, so the instruction's offset is the field's. */
function rewriteAccess(view: DataView, at: number, layout: ContextLayout): void {
  const opcode = view.getUint8(at);
  const field = view.getInt16(at + 2, true);
  const kind = opcode & Class.Mask;
  if (kind === Class.Ldx) {
    const place = layout.pointers.get(field);
    if (place === undefined) return;
    view.setUint8(at, (opcode & ~Size.Mask) | Size.Dw);
    view.setInt16(at + 2, place, true);
  } else if (layout.halves.has(field)) {
    const imm = view.getInt32(at + 4, true);
    // An unconditional jump to the next instruction: a store that does nothing.
    if (kind === Class.St && field === SKB.queue_mapping && imm >= NO_QUEUE_MAPPING) {
      view.setBigUint64(at, BigInt(JUMP), true);
    } else view.setUint8(at, (opcode & ~Size.Mask) | Size.H);
  }
}
