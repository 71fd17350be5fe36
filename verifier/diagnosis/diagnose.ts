/** Why a program was rejected, beyond the message: category, source, where the value came from, what to try. */
import { type Insn, readInsns } from '../../bpf/decode.ts';
import { type DisasmOptions, insnText } from '../../bpf/disasm.ts';
import { helperName } from '../../bpf/helpers.ts';
import { InputError } from '../../bpf/input-error.ts';
import { CallKind, Class, Jmp } from '../../bpf/isa.ts';
import type { LoadRequest } from '../load-request.ts';
import { requestBtf } from '../program-btf.ts';
import type { Verdict } from '../verdict.ts';
import { CATEGORIES, type Category, type MessageName } from './categories.ts';
import { History, type HistoryEntry, placeName } from './history.ts';
import { FailedPath, type Place } from './path.ts';
import { findReason, type Reason } from './reason.ts';
import { type ExcerptLine, type SourceLine, SourceMap } from './source.ts';
import { suggestionFor } from './suggestions.ts';
import { suspectOf } from './suspect.ts';

const CALL = Class.Jmp | Jmp.Call;

/** A step of the story, with its instruction and source line. */
export interface DiagnosisStep extends HistoryEntry {
  text: string;
  source?: SourceLine;
}

export interface Diagnosis {
  category: Category;
  /** What the category means. */
  meaning: string;
  /** Name of the message in the catalogue; absent when Linux gives none. */
  reason?: MessageName;
  /** The line of the log that gives the reason; what it led to may stand in lines behind it. */
  message: string;
  /** The instruction it was reached at, -1 when it is about none. */
  insn: number;
  text: string;
  source?: SourceLine;
  excerpt: ExcerptLine[];
  /** The register it is about, and what is known of it there. */
  register?: string;
  state?: string;
  /** How that came about, first cause first. */
  history: DiagnosisStep[];
  suggestion?: string;
}

/**
 * @param verdict of the request, made with `events: 'path'`; without events there is no history.
 * @param names of what is called, see `Verifier.names`.
 */
export function diagnose(request: LoadRequest, verdict: Verdict, names: DisasmOptions = {}): Diagnosis {
  return new Investigation(request, verdict, names).result();
}

class Investigation {
  private readonly request: LoadRequest;
  private readonly verdict: Verdict;
  private readonly reason: Reason;
  private readonly path: FailedPath;
  private readonly insns: ReadonlyMap<number, Insn>;
  private readonly source: SourceMap;
  private readonly names: DisasmOptions;

  constructor(request: LoadRequest, verdict: Verdict, names: DisasmOptions) {
    this.names = names;
    this.request = request;
    this.verdict = verdict;
    this.reason = findReason(verdict.log, verdict.message, verdict.errno);
    this.path = new FailedPath(verdict.events ?? { bytes: new Uint8Array(), lost: false });
    this.insns = bySlot(request.insns);
    this.source = new SourceMap(request.lineInfo, requestBtf(request));
  }

  result(): Diagnosis {
    const { reason } = this;
    const insn = this.place();
    const suspect = suspectOf(reason, this.insns.get(insn), this.path);
    const state = suspect && this.path.lastChange(suspect, this.path.insns.length)?.state.text;
    const register = suspect && placeName(suspect);
    const source = this.source.at(insn);
    const suggestion = suggestionFor(reason, {
      register,
      state,
      callee: this.calleeOf(this.insns.get(insn)),
      unprivileged: this.request.caps === 0,
      missing: this.request.missing?.find((each) => each.insn === insn),
    });
    return {
      category: reason.category,
      meaning: CATEGORIES[reason.category],
      ...(reason.name ? { reason: reason.name } : {}),
      message: reason.line,
      insn,
      text: this.textOf(insn),
      ...(source ? { source } : {}),
      excerpt: this.source.excerpt(insn),
      ...(register ? { register } : {}),
      ...(state !== undefined && state !== '' ? { state } : {}),
      history: this.story(suspect).map((entry) => this.withSource(entry)),
      ...(suggestion ? { suggestion } : {}),
    };
  }

  /** The instruction the rejection is about. */
  private place(): number {
    const { name, values } = this.reason;
    // Found before any path was followed: the message itself says where.
    if (name && NAMES_INSN.has(name)) return Number(values[0] ?? -1);
    return this.path.insns.length === 0 ? -1 : this.verdict.insn;
  }

  private story(suspect: Place | undefined): HistoryEntry[] {
    const history = new History(this.path, this.insns);
    const { name, values } = this.reason;
    if (name === 'UNRELEASED') return history.ofAcquisition(Number(values[1]), Number(values[0]));
    if (name && HELD.has(name)) return history.ofSection();
    return suspect ? history.of(suspect, this.path.insns.length) : [];
  }

  private withSource(entry: HistoryEntry): DiagnosisStep {
    const source = this.source.at(entry.insn);
    return { ...entry, text: this.textOf(entry.insn), ...(source ? { source } : {}) };
  }

  private calleeOf(insn: Insn | undefined): string | undefined {
    if (insn?.code !== CALL) return undefined;
    if (insn.src === CallKind.Kfunc) return this.names.kfuncName?.(insn.imm, insn.offset);
    const name = insn.src === CallKind.Helper ? helperName(insn.imm) : undefined;
    return name && `bpf_${name.replace(/^bpf_/, '')}`;
  }

  private textOf(insn: number): string {
    const found = this.insns.get(insn);
    return found ? insnText(found, this.names) : '';
  }
}

const NAMES_INSN: ReadonlySet<MessageName> = new Set<MessageName>([
  'UNREACHABLE',
  'BACK_EDGE',
  'JUMP_OUT_OF_RANGE',
  'JUMP_INTO_LDIMM',
]);

/** Something is still held. */
const HELD: ReadonlySet<MessageName> = new Set<MessageName>([
  'EXIT_LOCK',
  'EXIT_RCU',
  'EXIT_PREEMPT',
  'THROW_LOCK',
  'THROW_RCU',
  'THROW_PREEMPT',
  'CALL_UNDER_LOCK',
  'GLOBAL_LOCK',
  'GLOBAL_PREEMPT',
  'LOCK_TWO',
  'RCU_NESTED',
  'RCU_SLEEPABLE',
  'PREEMPT_SLEEPABLE',
  'HELPER_SLEEPS_RCU',
  'HELPER_SLEEPS_PREEMPT',
  'TAIL_CALL_LOCK',
  'TAIL_CALL_RCU',
  'TAIL_CALL_PREEMPT',
]);

function bySlot(bytes: Uint8Array): Map<number, Insn> {
  const insns = new Map<number, Insn>();
  try {
    for (const insn of readInsns(bytes)) insns.set(insn.slot, insn);
  } catch (error) {
    // The verdict has said what is wrong with it; what could be read is enough here.
    if (!(error instanceof InputError)) throw error;
  }
  return insns;
}
