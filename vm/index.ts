/** The vm: runs BPF programs over the modelled kernel's memory. Nothing here needs Node. */
export { SETTLE_CALLBACKS, SETTLE_TIME, type Settled } from './deferred/index.ts';
export type { Fault, FaultName } from './fault.ts';
export { HelperCall, type HelperFunction } from './helper-call.ts';
export { installHelpers } from './helpers/index.ts';
export { MapTable, type MapTableOptions, VmMap } from './maps.ts';
export { runNested } from './nested.ts';
export { type ObjectOptions, VmObject, VmProgram } from './object.ts';
export { LoadedProgram, MAX_SLOTS, type ProgramOptions, type Tier } from './program.ts';
export { VmRam } from './ram.ts';
export { TranslatedProgram } from './translate/program.ts';
export { type TranslateOptions, type Translation, translate } from './translate/translate.ts';
export { Untranslatable } from './translate/untranslatable.ts';
export {
  type CallerFrame,
  DEFAULT_BUDGET,
  type RunOptions,
  type RunResult,
  Vm,
  type VmOptions,
} from './vm.ts';
