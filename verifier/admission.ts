/** What BPF_PROG_LOAD refuses before the verifier sees the program (no log is written then). */
import type { ProgRules } from '../kernel-model/prog-rules.ts';
import { Capability, hasCapability } from '../kernel-model/program-facts.ts';
import type { VerifierData } from '../kernel-model/verifier-data.ts';
import type { LoadRequest } from './load-request.ts';

const EPERM = 1;
const E2BIG = 7;
const EINVAL = 22;
/** Instructions of a program: with CAP_BPF, and without. */
const MAX_INSNS = 1_000_000;
const MAX_INSNS_UNPRIVILEGED = 4096;
const SLOT = 8;
const CAPABILITIES = [Capability.Bpf, Capability.Perfmon, Capability.NetAdmin] as const;

interface Refusal {
  errno: number;
  reason: string;
}

/** 0, or the (positive) errno of the refusal, with its reason in our words. */
export function admission(request: LoadRequest, data: VerifierData): Refusal {
  if (!data.programs.knowsFlags(request.progFlags))
    return { errno: EINVAL, reason: 'the kernel does not know all of the flags' };
  const count = request.insns.length / SLOT;
  const limit = hasCapability(request.caps, Capability.Bpf) ? MAX_INSNS : MAX_INSNS_UNPRIVILEGED;
  if (count === 0 || count > limit) {
    return { errno: E2BIG, reason: `${count} instructions; a program has 1 to ${limit} for this task` };
  }
  const required = data.programs.requiredCaps(request.progType);
  const missing = CAPABILITIES.some((cap) => (required & cap) !== 0 && !hasCapability(request.caps, cap));
  if (missing)
    return { errno: EPERM, reason: 'the task lacks the capabilities that this program type needs' };
  if (!data.loadable.has(request.progType)) {
    return { errno: EINVAL, reason: 'the kernel was built without this program type' };
  }
  return attachRefusal(request, data.programs);
}

/** Whether the program's type attaches to what it is given, in the way it is given. */
function attachRefusal({ progType, ...request }: LoadRequest, rules: ProgRules): Refusal {
  const attachType = rules.effectiveAttachType(progType, request.expectedAttachType);
  if (request.attachBtfId !== 0 && !rules.takesAttachBtf(progType)) {
    return { errno: EINVAL, reason: 'programs of this type attach to nothing that BTF describes' };
  }
  if (request.target && !rules.takesAttachProg(progType)) {
    return { errno: EINVAL, reason: 'programs of this type do not attach to other programs' };
  }
  if (!rules.mayAttach(progType, attachType)) {
    return { errno: EINVAL, reason: `programs of this type do not have the attach type ${attachType}` };
  }
  return { errno: 0, reason: '' };
}
