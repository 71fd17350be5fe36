/** Pointers that may be null, once a comparison has said whether they are. */
import { MapField } from '../abi.ts';
import { Field, Flag, Reg } from '../types.ts';
import { mapHasField, pointsToSpinLock } from './record.ts';
import { RegState } from './reg.ts';
import { FuncState, removeRef, VerifierState } from './state.ts';

/** BPF_MAP_TYPE_* whose values are not plain memory. */
const XSKMAP: u32 = 17;
const SOCKMAP: u32 = 15;
const SOCKHASH: u32 = 18;

/** The pointer is not null. A looked-up map value becomes what the map holds. */
export function markNotNull(reg: RegState): void {
  if (reg.base !== Reg.MapValue) {
    reg.type &= ~Flag.MaybeNull;
    return;
  }
  const map = <usize>reg.word0;
  const inner = load<u32>(map, MapField.Inner);
  const type = load<u32>(map, MapField.Type);
  if (inner !== 0) {
    reg.type = Reg.MapPtr;
    reg.word0 = inner;
    // Inner maps are told apart by lookup where their timers must not be mixed up.
    const distinct = mapHasField(inner, Field.Timer) || mapHasField(inner, Field.Workqueue);
    if (distinct) reg.word2 = reg.id;
  } else if (type === XSKMAP) {
    reg.type = Reg.XdpSock;
  } else if (type === SOCKMAP || type === SOCKHASH) {
    reg.type = Reg.Socket;
  } else {
    reg.type = Reg.MapValue;
  }
}

function isRcuPointer(reg: RegState): bool {
  return (reg.type & Flag.Rcu) !== 0;
}

function resolveReg(reg: RegState, id: u32, isNull: bool): void {
  if ((reg.type & Flag.MaybeNull) === 0 || reg.id !== id || (id === 0 && !isRcuPointer(reg))) return;
  // Arithmetic on such pointers is refused, so nothing can have been added.
  if (reg.smin !== 0 || reg.smax !== 0 || reg.value !== 0 || reg.mask !== 0) return;
  const owned = (reg.type & Flag.Alloc) !== 0 && reg.base === Reg.BtfId;
  if (!owned && reg.off !== 0) return;
  if (isNull) {
    reg.type = Reg.Scalar;
    reg.id = 0;
    reg.refId = 0;
    return;
  }
  markNotNull(reg);
  // The id goes on to say which lock guards the value.
  if (!pointsToSpinLock(reg)) reg.id = 0;
}

function resolveFrame(func: FuncState, id: u32, isNull: bool): void {
  for (let i: u32 = 0; i < 11; i++) resolveReg(func.reg(i), id, isNull);
  for (let slot: u32 = 0; slot < func.stackSlots; slot++) {
    if (func.isSpill(slot)) resolveReg(func.spilled(slot), id, isNull);
  }
}

/** Drops the reference with this id from a frame's list. */
export function dropRef(func: FuncState, id: u32): bool {
  for (let i: u32 = 0; i < func.refCount; i++) {
    if (func.ref(i).id !== id) continue;
    removeRef(func, i);
    return true;
  }
  return false;
}

/** Every copy of the pointer in `register` is null, or is not. A null acquired pointer needs no release. */
export function resolveNull(state: VerifierState, register: u32, isNull: bool): void {
  const func = state.currentFrame;
  const id = func.reg(register).id;
  const refId = func.reg(register).refId;
  if (isNull && refId !== 0 && refId === id) dropRef(func, id);
  for (let i: u32 = 0; i <= state.current; i++) resolveFrame(state.frame(i), id, isNull);
}
