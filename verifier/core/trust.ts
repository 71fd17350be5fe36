/** Trusted pointers: which BTF pointers are known to be valid, and how trust passes on to what they lead to. */
import { BtfFacts, TrustedField, TrustList } from '../btf-abi.ts';
import { Feature } from '../feature-abi.ts';
import { Flag, Reg } from '../types.ts';
import { isKernelBtf, sameString, typeNameBytes } from './btf.ts';
import { btfFact, factListHas } from './btf-facts.ts';
import * as env from './env.ts';
import { inRcuSection } from './rcu.ts';
import { RegState } from './reg.ts';

/** Flags of pointers that are valid without a reference. */
export const TRUSTED_FLAGS: u32 = Flag.Alloc | Flag.Trusted | Flag.NonOwnRef;

/** Flags besides those that speak for a pointer. */
export function hasUnsafeFlags(type: u32): bool {
  return (type & ~(<u32>Reg.BaseMask) & ~TRUSTED_FLAGS) !== 0;
}

/** Types whose pointers are always valid. */
function isAlwaysTrusted(base: u32): bool {
  return base === Reg.Socket || base === Reg.SockCommon || base === Reg.TcpSock || base === Reg.MapPtr;
}

/** Whether a pointer is known to be valid. */
export function isTrusted(reg: RegState): bool {
  if (reg.refId !== 0) return true;
  if (hasUnsafeFlags(reg.type)) return false;
  return isAlwaysTrusted(reg.type & Reg.BaseMask) || (reg.type & TRUSTED_FLAGS) !== 0;
}

export function isRcu(reg: RegState): bool {
  return (reg.type & Flag.Rcu) !== 0;
}

/** Whether objects of a struct are freed only behind an RCU grace period. */
export function isRcuProtected(btf: u32, id: u32): bool {
  return !isKernelBtf(btf) || factListHas(BtfFacts.RcuTypes, BtfFacts.RcuTypeCount, id);
}

/** Whether a list says that the member of the struct behind `reg`, a pointer to `id`, can be relied on. */
function isListed(list: u32, reg: RegState, member: usize, id: u32): bool {
  const rows = <usize>btfFact(BtfFacts.Trusted);
  const count = btfFact(BtfFacts.TrustedCount);
  if (!isKernelBtf(reg.word0)) return false;
  const struct = typeNameBytes(reg.word0, reg.word2);
  for (let i: u32 = 0; i < count; i++) {
    const row = rows + i * TrustedField.Size;
    if (load<u32>(row, TrustedField.List) !== list || load<u32>(row, TrustedField.TypeId) !== id) continue;
    if (!sameString(<usize>load<u32>(row, TrustedField.Struct), struct)) continue;
    if (sameString(<usize>load<u32>(row, TrustedField.Member), member)) return true;
  }
  return false;
}

/** In a section where RCU objects stay valid. */
function flagsUnderRcu(reg: RegState, member: usize, id: u32, flags: u32): u32 {
  if (isListed(TrustList.Rcu, reg, member, id)) return flags | Flag.Rcu;
  const orNull = isListed(TrustList.RcuOrNull, reg, member, id);
  if ((flags & Flag.Rcu) !== 0 || orNull) {
    const kept = orNull ? flags & ~Flag.Untrusted : flags;
    return kept | Flag.Rcu | Flag.MaybeNull;
  }
  if ((flags & (Flag.Percpu | Flag.User)) !== 0) return flags;
  return flags & ~(TRUSTED_FLAGS | Flag.Rcu);
}

/**
 * Flags of a pointer to struct `id` that was read from `member` through `reg`, where the walk there gave `flags`.
 */
export function inheritedFlags(reg: RegState, member: usize, id: u32, flags: u32): u32 {
  if (!env.has(Feature.TrustedPointers)) return flags | (reg.type & Flag.Untrusted);
  if ((reg.type & Flag.Untrusted) !== 0) return Flag.Untrusted;
  if (!isTrusted(reg) && !isRcu(reg)) return flags & ~(TRUSTED_FLAGS | Flag.Rcu);
  if (isListed(TrustList.Trusted, reg, member, id)) return flags | Flag.Trusted;
  if (isListed(TrustList.TrustedOrNull, reg, member, id)) return flags | Flag.Trusted | Flag.MaybeNull;
  if (!inRcuSection() || reg.maybeNull) return Flag.Untrusted;
  return flagsUnderRcu(reg, member, id, flags);
}
