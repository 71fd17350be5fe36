/** A program once it is loaded, as what others attach to. */
import type { LoadRequest, TargetFunction, TargetProgram } from './load-request.ts';
import type { Verdict } from './verdict.ts';

/** BPF_PROG_TYPE_* */
const TRACING = 26;
const EXT = 28;

/** @param verdict that of the request, an accepted one. */
export function targetProgram(request: LoadRequest, verdict: Verdict): TargetProgram {
  const { progType, target } = request;
  return {
    progType,
    expectedAttachType: request.expectedAttachType,
    contextType: progType === EXT && target ? target.progType : progType,
    ...(request.progBtf ? { btf: request.progBtf } : {}),
    functions: loadedFunctions(request, verdict),
    jited: true,
    nested: progType === TRACING && target?.progType === TRACING,
  };
}

/**
 * The functions left once dead code is taken out. Linux closes the gaps in func_info but not in what it noted of
 * the functions' BTF, so behind a gap a function has the reliability of one that stood before it.
 */
function loadedFunctions({ funcInfo }: LoadRequest, { subprogs }: Verdict): TargetFunction[] {
  const left = subprogs.flatMap((subprog, i) => {
    const info = funcInfo[i];
    return info && !subprog.dead ? [{ ...subprog, typeId: info.typeId }] : [];
  });
  return left.map(({ typeId, exceptionCallback, changesPacket }, i) => ({
    typeId,
    exceptionCallback,
    changesPacket,
    unreliable: subprogs[i]?.unreliable === true,
  }));
}
