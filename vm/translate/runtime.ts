/** What translated modules import: the core's memory, functions (vm/core/tier.ts) and globals. */
import type { ModuleBuilder } from './module.ts';
import { Type } from './wasm-op.ts';

const I32 = Type.I32;
const I64 = Type.I64;

/** Module name of the core's exports, and of constants that the host gives. */
export const CORE = 'core';
export const HOST = 'host';

/** Parameters and results of the core's exports. */
const FUNCTIONS = {
  tierRead: [[I64, I32, I32, I32, I64], [I64]],
  tierWrite: [[I64, I64, I32, I32, I64], []],
  tierAtomic: [[I64, I32, I32, I64], [I32]],
  tierFault: [[I32, I64, I32, I64], []],
  tierSuspend: [[I64], []],
  tierUserPointer: [[I32], [I64]],
  tierResume: [[I64, I64, I32, I64], []],
  tierCall: [[I64, I64, I32, I64], [I64]],
  tierTailCall: [[I64, I64, I32, I64], [I32]],
  packetValue: [[I32, I32], [I64]],
  callHelper: [[I32, I64, I64, I64, I64, I64], [I64]],
  continueHelper: [[I32, I64], [I64]],
  startRun: [[I32, I32], []],
  markDepth: [[I32], []],
} as const satisfies Record<string, readonly [readonly Type[], readonly Type[]]>;

type FunctionName = keyof typeof FUNCTIONS;

/** Numbers of the imports in a module, by what they are. */
export type Runtime = { readonly [name in FunctionName]: number } & {
  /** i64, mutable: bytes of low memory in use. */
  readonly lowSpan: number;
  /** i64: kernel address of the program's first instruction, as function pointers have it. */
  readonly functions: number;
  /** i64: minus the first address of low memory. */
  readonly low: number;
  /** i32: linear offset of the stacks, the deepest frame's first. */
  readonly stacks: number;
};

export function importRuntime(module: ModuleBuilder): Runtime {
  module.importMemory(CORE, 'memory');
  const numbers: Partial<Record<FunctionName, number>> = {};
  for (const name of Object.keys(FUNCTIONS) as FunctionName[]) {
    const [params, results] = FUNCTIONS[name];
    numbers[name] = module.importFunction(CORE, name, { params, results });
  }
  return {
    ...(numbers as Record<FunctionName, number>),
    lowSpan: module.importGlobal(CORE, 'lowSpan', I64, true),
    functions: module.importGlobal(HOST, 'functions', I64, false),
    low: module.importGlobal(HOST, 'low', I64, false),
    stacks: module.importGlobal(HOST, 'stacks', I32, false),
  };
}
