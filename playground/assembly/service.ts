import { parseAssembly } from '../../assembly/parse.ts';
import type { AssemblyService } from './protocol.ts';

export const service: AssemblyService = { parse: parseAssembly };
