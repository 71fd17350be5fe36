/**
 * Struct members whose pointers the kernel's verifier trusts. The kernel names them in types of their own,
 * "task_struct__safe_rcu", which stand in its BTF.
 */
import { type Btf, BtfKind } from '../../bpf/btf.ts';

/** List -> struct -> members. */
export interface TrustedFieldsRecord {
  [list: string]: { [struct: string]: string[] };
}

const LISTS = ['safe_rcu', 'safe_rcu_or_null', 'safe_trusted', 'safe_trusted_or_null'];

export function readTrustedFields(btf: Btf): TrustedFieldsRecord {
  const result: TrustedFieldsRecord = Object.fromEntries(LISTS.map((list) => [list, {}]));
  for (let id = 1; id < btf.typeCount; id++) {
    if (btf.kind(id) !== BtfKind.Struct) continue;
    const name = btf.name(id);
    const list = LISTS.find((candidate) => name.endsWith(`__${candidate}`));
    if (list === undefined || btf.find(name, BtfKind.Struct) !== id) continue;
    const struct = name.slice(0, -`__${list}`.length);
    const members = btf.type(id).members.map((member) => member.name);
    (result[list] as { [struct: string]: string[] })[struct] = members;
  }
  return result;
}
