/** What the maps of an object need. */
import type { ObjectFile } from '../loader/open.ts';
import { ProgType } from '../loader/prog-type.ts';
import type { MapDef } from '../loader/program.ts';
import { mapFlagSince, mapTypeSince } from './first-releases.ts';
import type { Use } from './need.ts';
import type { NeedTable, NewNeed } from './need-table.ts';

/** Sections whose maps the loader makes up itself; it leaves out flags that a kernel does not know. */
const OWN_MAPS = /^\.(data|rodata|bss|kconfig)(\.|$)/;
const FLAG_BITS = 32;

export function mapNeeds(table: NeedTable, { maps, structOps }: ObjectFile): void {
  for (const { def } of maps.entries) addMap(table, def, def.name);
  for (const ops of structOps) {
    const need: NewNeed = { subject: { kind: 'struct-ops', ops }, name: `${ops.type.name} ${ops.def.name}` };
    const use = useOf(ops.def, ops.def.name);
    table.add(need, use);
    for (const func of ops.programs.values()) {
      table.add(need, { ...use, program: { name: func.name, func, type: ProgType.StructOps } });
    }
  }
}

function addMap(table: NeedTable, def: MapDef, name: string): void {
  const use = useOf(def, name);
  const known = mapTypeSince(def.type);
  const subject = { kind: 'map-type', number: def.type } as const;
  table.add({ subject, name: known?.name ?? `map type ${def.type}`, since: known?.since }, use);
  if (!OWN_MAPS.test(def.section)) addFlags(table, def.flags, use);
  if (def.inner) addMap(table, def.inner, `${name}.inner`);
}

function addFlags(table: NeedTable, flags: number, use: Use): void {
  for (let bit = 0; bit < FLAG_BITS; bit++) {
    if ((flags & (1 << bit)) === 0) continue;
    const known = mapFlagSince(bit);
    const name = known?.name ?? `map flag 1 << ${bit}`;
    table.add({ subject: { kind: 'map-flag', bit }, name, since: known?.since }, use);
  }
}

function useOf(def: MapDef, map: string): Use {
  return { map, when: def.autocreate === false ? 'optional' : 'certain' };
}
