/** Which register a rejection is about. */
import type { Insn } from '../../bpf/decode.ts';
import { Class, Jmp, Source } from '../../bpf/isa.ts';
import { Reg } from '../types.ts';
import { type Category, FORMATS, type MessageName } from './categories.ts';
import type { FailedPath, Place } from './path.ts';
import type { Reason } from './reason.ts';

/** A register in a message, or the number of an argument. */
const NAMED = /(R|args?\s?#?)%d/;
/** Messages that number arguments as registers, from 1. */
const FROM_ONE: ReadonlySet<MessageName> = new Set<MessageName>([
  'HELPER_MAY_BE_NULL',
  'RELEASE_NOT_ACQUIRED',
]);
const RETURN_VALUE: ReadonlySet<MessageName> = new Set<MessageName>([
  'RETURN_RANGE',
  'RETURN_BITS',
  'RETURN_UNKNOWN',
  'RETURNS_POINTER',
  'RETURNS_STACK',
  'SUBPROG_RETURN',
]);
/** What these are about is no register. */
const NO_REGISTER: ReadonlySet<Category> = new Set<Category>([
  'malformed-instruction',
  'control-flow',
  'unbounded-loop',
  'complexity',
  'stack-limit',
  'helper-unavailable',
  'kfunc-unavailable',
  'resource-leak',
  'sleepable',
  'debug-info',
  'attach-target',
  'licence',
  'resource-limit',
  'internal',
]);
/** Pointer arithmetic refused because of what is added. */
const OFFSETS: ReadonlySet<MessageName> = new Set<MessageName>([
  'POINTER_UNBOUNDED',
  'POINTER_RUNS_AWAY',
  'SPEC_BOUNDS',
]);
/** What a register has to be for these messages, which name none. */
const BY_TYPE: { readonly [N in MessageName]?: Reg } = {
  BAD_MAP_VALUE: Reg.MapValue,
  BAD_MAP_KEY: Reg.MapKey,
  BAD_MEMORY: Reg.Mem,
  MAP_WRITE_FORBIDDEN: Reg.MapValue,
  MAP_READ_FORBIDDEN: Reg.MapValue,
  KPTR_INDIRECT: Reg.MapValue,
};
const ARGUMENTS = [1, 2, 3, 4, 5];

/** The register in the frame of the failing step; undefined when the rejection is about none. */
export function suspectOf(reason: Reason, insn: Insn | undefined, path: FailedPath): Place | undefined {
  const step = path.insns.length - 1;
  const frame = path.frames[step];
  if (frame === undefined || !reason.name || !insn || NO_REGISTER.has(reason.category)) return undefined;
  const register = (index: number): Place => ({ frame, kind: 'reg', index });
  const named = namedRegister(reason, reason.name);
  if (named !== undefined) return named >= 0 && named <= 10 ? register(named) : undefined;
  if (RETURN_VALUE.has(reason.name)) return register(0);
  const cls = insn.code & Class.Mask;
  if (cls === Class.Ldx) return register(insn.src);
  if (cls === Class.St || cls === Class.Stx) return register(insn.dst);
  if (cls === Class.Alu || cls === Class.Alu64) {
    const operand = (insn.code & Source.X) !== 0 && OFFSETS.has(reason.name) ? insn.src : insn.dst;
    return register(operand);
  }
  const type = BY_TYPE[reason.name];
  const isCall = cls === Class.Jmp && (insn.code & Jmp.Mask) === Jmp.Call;
  if (type === undefined || !isCall) return undefined;
  const index = ARGUMENTS.find((argument) => {
    const state = path.lastChange(register(argument), step)?.state;
    return state !== undefined && (state.type & Reg.BaseMask) === type;
  });
  return index === undefined ? undefined : register(index);
}

/** Number of the register that a message names; undefined when it names none. */
function namedRegister(reason: Reason, name: MessageName): number | undefined {
  const match = NAMED.exec(FORMATS[name]);
  if (!match) return undefined;
  const position = FORMATS[name].slice(0, match.index).match(/%./g)?.length ?? 0;
  const number = Number(reason.values[position]);
  if (!Number.isInteger(number)) return undefined;
  return match[1] === 'R' || FROM_ONE.has(name) ? number : number + 1;
}
