/** What an object declares as the kernel's: configuration, kernel functions and symbols. */
import type { Extern } from '../loader/externs.ts';
import type { ObjectFile } from '../loader/open.ts';
import type { NeedTable, NewNeed } from './need-table.ts';

/** Those that are not weak have to be there before any program is loaded. */
export function externNeeds(table: NeedTable, { externs }: ObjectFile): void {
  for (const extern of externs) {
    table.add(externNeed(extern), { when: extern.weak ? 'optional' : 'certain' });
  }
}

export function externNeed(extern: Extern): NewNeed {
  const kind = extern.kind === 'kconfig' ? 'kconfig' : extern.isFunc ? 'kfunc' : 'ksym';
  return { subject: { kind, extern }, name: extern.name };
}
