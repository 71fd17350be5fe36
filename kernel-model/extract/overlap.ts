/**
 * Recorded layouts list the members of unnamed unions side by side with the others. BTF wants ascending, disjoint
 * members: what overlaps is put back into an unnamed union, each of its alternatives an unnamed struct.
 */
import type { BtfWriter, WriterMember } from '../../bpf/btf-writer.ts';

export interface SizedMember {
  member: WriterMember;
  /** Bits it takes. */
  bitLength: number;
}

interface Cluster {
  start: number;
  end: number;
  members: SizedMember[];
}

/** @param size of the struct, in bytes. */
export function nestOverlaps(
  writer: BtfWriter,
  members: readonly SizedMember[],
  size: number,
): WriterMember[] {
  return clusters(members).map((cluster) => {
    const only = cluster.members[0] as SizedMember;
    if (cluster.members.length === 1) return only.member;
    return { name: '', type: makeUnion(writer, cluster, size), bitOffset: cluster.start };
  });
}

/** Runs of members that overlap each other, ascending. A flexible array overlaps nothing. */
function clusters(members: readonly SizedMember[]): Cluster[] {
  const ordered = members.map((entry, index) => ({ entry, index }));
  ordered.sort((a, b) => a.entry.member.bitOffset - b.entry.member.bitOffset || a.index - b.index);
  const found: (Cluster & { order: number[] })[] = [];
  for (const { entry, index } of ordered) {
    const start = entry.member.bitOffset;
    const end = start + entry.bitLength;
    const last = found.at(-1);
    if (last && start < last.end) {
      last.members.push(entry);
      last.order.push(index);
      last.end = Math.max(last.end, end);
    } else {
      found.push({ start, end, members: [entry], order: [index] });
    }
  }
  for (const cluster of found) cluster.members = declared(cluster.members, cluster.order);
  return found;
}

/** Back into the order of declaration, which tells the alternatives apart. */
function declared(members: SizedMember[], order: number[]): SizedMember[] {
  return members
    .map((member, at) => ({ member, index: order[at] as number }))
    .sort((a, b) => a.index - b.index)
    .map(({ member }) => member);
}

function makeUnion(writer: BtfWriter, cluster: Cluster, structSize: number): number {
  // Bitfields may begin and end inside a byte; the union covers whole bytes.
  const startByte = Math.floor(cluster.start / 8);
  const endByte = Math.min(structSize, Math.ceil(cluster.end / 8));
  const alternatives = splitAlternatives(cluster.members);
  const rows = alternatives.map((members): WriterMember => {
    const shifted = members.map(({ member }) => ({ ...member, bitOffset: member.bitOffset - 8 * startByte }));
    const first = shifted[0] as WriterMember;
    if (shifted.length === 1 && first.bitOffset === 0) return first;
    return { name: '', type: writer.struct('', endByte - startByte, shifted), bitOffset: 0 };
  });
  return writer.union('', endByte - startByte, rows);
}

/** A member that does not follow the one before begins a new alternative. */
function splitAlternatives(members: readonly SizedMember[]): SizedMember[][] {
  const alternatives: SizedMember[][] = [];
  let end = Number.POSITIVE_INFINITY;
  for (const entry of members) {
    if (entry.member.bitOffset < end) alternatives.push([]);
    alternatives.at(-1)?.push(entry);
    end = entry.member.bitOffset + entry.bitLength;
  }
  return alternatives;
}
