/** What the assembly editor asks its worker. */
import type { AssemblySource } from '../../assembly/source.ts';

export interface AssemblyService {
  parse(text: string): AssemblySource;
}
