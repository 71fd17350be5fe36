/** What a verifier answered to one load of a generated program. */
import { createHash } from 'node:crypto';
import { BtfKind } from '../../bpf/btf.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { type BpfObject, loadObject, type Program } from '../../loader/index.ts';
import type { Verifier } from '../../verifier/index.ts';
import { programRequest } from '../../verifier/program-request.ts';
import { flagBits, type GeneratedProgram, programName } from './program.ts';
import type { SuiteObject } from './suite.ts';

export const KERNEL = '6.12';

export type Mode = 'priv' | 'unpriv';

export interface Answer {
  seed: number;
  mode: Mode;
  /** 0: accepted; -1: the loader refused. */
  errno: number;
  /** insns processed, max states per insn, total states, peak states, mark_read; empty when the loader refused. */
  stats: readonly number[];
  /** Last line of the reason, "" when accepted. */
  message: string;
  /** Digest of the path that failed, as the log of level 1 tells it; "" when accepted, or where it is too long. */
  path: string;
}

const CAPS: Record<Mode, number> = { priv: 15, unpriv: 0 };
const PATH_LOG = 1;
const STATS_LOG = 4;
/** Paths are compared up to this length, in processed instructions: a recorded log has a limited size. */
const MAX_PATH = 5000;
/** Addresses only have to exist for the verifier: it never looks behind one. */
const SYMBOL_ADDRESS = 0xffff_ffff_8100_0000n;

function modesOf(program: GeneratedProgram): Mode[] {
  return program.unprivileged ? ['priv', 'unpriv'] : ['priv'];
}

/** Our own answers to the programs of an object. */
export function answersOf(verifier: Verifier, object: SuiteObject): Answer[] {
  const loaded = load(object);
  return object.programs.flatMap((program) =>
    modesOf(program).map((mode) => answer(verifier, loaded, program, mode)),
  );
}

/** The path that one of them failed on, as text. */
export function pathOf(verifier: Verifier, object: SuiteObject, seed: number, mode: Mode): string {
  const program = object.programs.find((candidate) => candidate.seed === seed);
  if (!program) throw new RangeError(`${object.name} has no program of seed ${seed}`);
  return verify(verifier, load(object), program, mode, PATH_LOG).log;
}

function load(object: SuiteObject): BpfObject {
  const { vmlinux } = openProfile(KERNEL);
  return loadObject(object.bytes, {
    file: `${object.name}.o`,
    kernelBtf: vmlinux,
    ksym: (name) => (vmlinux.find(name, BtfKind.Func, BtfKind.Var) === 0 ? undefined : SYMBOL_ADDRESS),
  });
}

function find(object: BpfObject, generated: GeneratedProgram): Program {
  const found = object.programs.find(({ name }) => name === programName(generated));
  if (!found) throw new RangeError(`${object.file} has lost ${programName(generated)}`);
  return found;
}

function verify(
  verifier: Verifier,
  loaded: BpfObject,
  generated: GeneratedProgram,
  mode: Mode,
  logLevel: number,
) {
  const request = programRequest(loaded, find(loaded, generated), { caps: CAPS[mode], logLevel });
  request.progFlags |= flagBits(generated);
  return verifier.verify(request);
}

function answer(verifier: Verifier, loaded: BpfObject, generated: GeneratedProgram, mode: Mode): Answer {
  const { seed } = generated;
  const { error } = find(loaded, generated);
  if (error !== undefined) return { seed, mode, errno: -1, stats: [], message: error, path: '' };
  const { errno, stats, message } = verify(verifier, loaded, generated, mode, STATS_LOG);
  const numbers = [
    stats.insnsProcessed,
    stats.maxStatesPerInsn,
    stats.totalStates,
    stats.peakStates,
    stats.markRead,
  ];
  const hasPath = errno !== 0 && stats.insnsProcessed <= MAX_PATH;
  const path = hasPath ? verify(verifier, loaded, generated, mode, PATH_LOG).log : '';
  return { seed, mode, errno, stats: numbers, message, path: pathDigest(path) };
}

/** A log without what differs from run to run: the addresses that ld_imm64 shows. */
function plainLog(log: string): string {
  return log.replace(/(\(18\) r\d+ = )0x[0-9a-f]+ */g, '$1? ').trimEnd();
}

/** Digest of a log of level 1; "" of one that is longer than what is compared. */
export function pathDigest(log: string): string {
  const processed = Number(/^processed (\d+) insns/m.exec(log)?.[1] ?? MAX_PATH + 1);
  if (processed > MAX_PATH) return '';
  return createHash('sha256').update(plainLog(log)).digest('hex').slice(0, 8);
}
