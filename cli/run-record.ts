/** The JSON record of a run: one line of `drydock run --json`. */
import { errnoName } from '../bpf/errno-name.ts';
import type { Iteration } from '../session/iterate.ts';
import type { Replay } from '../session/replay.ts';
import type { LoadedObject } from '../session/session.ts';
import type { TestProgram } from '../session/test-bench.ts';
import type { Fault, Settled, VmMap } from '../vm/index.ts';
import type { TestResult } from '../vm/test-run/index.ts';

export function runRecord(object: LoadedObject, iteration: Iteration): object {
  const { iterator, choice, bytes, failure, errno, trace, log } = iteration;
  return {
    object: object.file,
    program: iterator.name,
    target: iterator.target,
    attached_to: choice?.label ?? null,
    retval: log.retval,
    data_out: '',
    ...output(bytes),
    trace_pipe: trace,
    maps: mapContents(object.vmObject.maps),
    insns_executed: log.insns,
    tier: 'interpreter',
    fault: faultRecord(log.fault),
    errno: errno === 0 ? null : errnoName(errno),
    failure: failure ?? null,
  };
}

/** The record of a test run. */
export function testRecord(tested: TestProgram, result: TestResult, more: object): object {
  const { program, file } = tested;
  return {
    object: file,
    program: program.name,
    retval: result.retval,
    data_out: hex(result.data),
    output: '',
    ...more,
    maps: mapContents(tested.object.maps),
    insns_executed: result.insns,
    ...deferredRecord(result.deferred),
    tier: program.loaded.tier,
    fault: faultRecord(result.fault),
    errno: result.errno === 0 ? null : errnoName(result.errno),
    failure: result.reason || result.fault?.message || null,
  };
}

/** The record of a replay: all packets of a capture together. */
export function replayRecord(tested: TestProgram, replay: Replay, trace: string): object {
  return {
    object: tested.file,
    program: tested.program.name,
    packets: replay.packets,
    verdicts: Object.fromEntries(replay.verdicts),
    refused: Object.fromEntries(replay.refused),
    trace_pipe: trace,
    maps: mapContents(tested.object.maps),
    insns_executed: replay.insns,
    tier: tested.program.loaded.tier,
    fault: faultRecord(replay.fault),
  };
}

/** Of a run that has put nothing off there is none. */
function deferredRecord(deferred: Settled | null): { deferred?: object } {
  if (!deferred) return {};
  const { callbacks, insns, pending } = deferred;
  return { deferred: { callbacks, insns_executed: insns, pending } };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function faultRecord(fault: Fault | null): object | null {
  if (!fault) return null;
  const { kind, pc, address, message } = fault;
  return { kind, insn: pc, address: `0x${address.toString(16)}`, message };
}

/** Output that is no text is given byte by byte as well: as text it would not come through. */
function output(bytes: Uint8Array): { output: string; output_hex?: string } {
  try {
    return { output: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { output: new TextDecoder().decode(bytes), output_hex: hex(bytes) };
  }
}

function mapContents(maps: ReadonlyMap<string, VmMap>): { [name: string]: { key: string; value: string }[] } {
  const contents: { [name: string]: { key: string; value: string }[] } = {};
  for (const [name, map] of maps) contents[name] = map.dump();
  return contents;
}
