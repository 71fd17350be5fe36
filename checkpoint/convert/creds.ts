/** Credentials. */
import type { MessageInit, MessageValue } from '../image/index.ts';
import type { CredState } from '../state.ts';
import { nothingLeft } from './exhaustive.ts';
import type { Place } from './image-reader.ts';
import { idOf, indexOf } from './numbers.ts';

const WORD = 32n;
const WORD_MASK = 0xffff_ffffn;

/** As CRIU has them: the ambient set is not in its message. */
export function criuCreds(cred: CredState): MessageInit<'creds_entry'> {
  const { uid, gid, euid, egid, suid, sgid, fsuid, fsgid, securebits, groups, ...sets } = cred;
  const { inheritable, permitted, effective, bounding, ambient: _, ...rest } = sets;
  nothingLeft(rest);
  return {
    uid,
    gid,
    euid,
    egid,
    suid,
    sgid,
    fsuid,
    fsgid,
    cap_inh: words(inheritable),
    cap_prm: words(permitted),
    cap_eff: words(effective),
    cap_bnd: words(bounding),
    secbits: securebits,
    groups,
  };
}

/** All of them, as in Drydock's own images. */
export function credsEntry(cred: CredState, index: number): MessageInit<'creds_entry'> {
  return { ...criuCreds(cred), cap_amb: words(cred.ambient), id: idOf(index) };
}

/** Of the table that all others are copies of. */
export function credOf(entry: MessageValue<'creds_entry'>, place: Place): CredState {
  const { uid, gid, suid, sgid, euid, egid, fsuid, fsgid, secbits, groups } = entry;
  const set = (name: 'cap_inh' | 'cap_prm' | 'cap_eff' | 'cap_bnd' | 'cap_amb') =>
    capabilities(entry[name], place.field(name));
  return {
    uid,
    gid,
    suid,
    sgid,
    euid,
    egid,
    fsuid,
    fsgid,
    securebits: secbits,
    groups,
    inheritable: set('cap_inh'),
    permitted: set('cap_prm'),
    effective: set('cap_eff'),
    bounding: set('cap_bnd'),
    ambient: set('cap_amb'),
  };
}

/** The place in the table of credentials that a copy in one of Drydock's images is of. */
export function credIndex(entry: MessageValue<'creds_entry'>, count: number, place: Place): number {
  return indexOf(entry.id ?? 0, count, place.field('id'), 'set of credentials');
}

/** Low word first. */
function words(set: bigint): number[] {
  return [Number(set & WORD_MASK), Number(set >> WORD)];
}

function capabilities(set: readonly number[], place: Place): bigint {
  const [low, high, ...others] = set;
  if (low === undefined || high === undefined || others.length > 0) {
    throw place.wrong(`${set.length} words, where capabilities have two`);
  }
  return BigInt(low) | (BigInt(high) << WORD);
}
