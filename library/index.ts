/**
 * Drydock as a library, for unit tests of BPF programs under Node: an object is loaded and verified, and runs in a
 * modelled kernel whose scene, maps and helpers the test decides about. docs/library.md has an example.
 */
export { InputError } from '../bpf/input-error.ts';
export { BpfFile, type LoadFileOptions, load, type Verification, type VerifyOptions } from './file.ts';
export type { RunMap, RunMapEntry } from './map.ts';
export type { Mock, Mocks } from './mocks.ts';
export { ProgramRejected } from './rejected.ts';
export type { RecordInput, Replay, Step, StopAt } from './replay.ts';
export type { ContextFields, Deferred, Kernel, OpenOptions, RunInput, RunOutput } from './run.ts';
export { Scene } from './scene.ts';
