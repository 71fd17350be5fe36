/** The JSON record of a run: one line of `drydock run --json`. */
import { errnoName } from '../bpf/errno-name.ts';
import type { Iteration } from '../session/iterate.ts';
import type { LoadedObject } from '../session/session.ts';

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
    maps: maps(object),
    insns_executed: log.insns,
    tier: 'interpreter',
    fault: log.fault && {
      kind: log.fault.kind,
      insn: log.fault.pc,
      address: `0x${log.fault.address.toString(16)}`,
      message: log.fault.message,
    },
    errno: errno === 0 ? null : errnoName(errno),
    failure: failure ?? null,
  };
}

/** Output that is no text is given byte by byte as well: as text it would not come through. */
function output(bytes: Uint8Array): { output: string; output_hex?: string } {
  try {
    return { output: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { output: new TextDecoder().decode(bytes), output_hex: Buffer.from(bytes).toString('hex') };
  }
}

function maps(object: LoadedObject): { [name: string]: { key: string; value: string }[] } {
  const contents: { [name: string]: { key: string; value: string }[] } = {};
  for (const [name, map] of object.vmObject.maps) contents[name] = map.dump();
  return contents;
}
