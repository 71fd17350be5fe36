/** Compares a verdict with what Linux answered. */
import type { RecordedLoad } from './archive.ts';
import type { ComparedVerdict } from './job.ts';

/** What agrees; undefined where nothing was recorded to compare with. */
export interface Judgement {
  verdict: boolean;
  insns?: boolean;
  states?: boolean;
  stack?: boolean;
  messages?: boolean;
}

/** @param verdict undefined when there is none: the load crashed, hung or was refused by the loader. */
export function judge(load: RecordedLoad, verdict: ComparedVerdict | undefined): Judgement {
  const agrees = verdict?.errno === load.errno;
  const judgement: Judgement = { verdict: agrees };
  if (load.stats) {
    const [insns, perInsn, total, peak, markRead, stack] = load.stats;
    const stats = agrees ? verdict.stats : undefined;
    judgement.insns = stats?.insnsProcessed === insns;
    judgement.states =
      stats?.maxStatesPerInsn === perInsn &&
      stats.totalStates === total &&
      stats.peakStates === peak &&
      stats.markRead === markRead;
    judgement.stack = stats?.stackDepths.join('+') === stack;
  }
  if (load.messages) judgement.messages = hasMessages(verdict?.log ?? '', load.messages);
  return judgement;
}

/** Whether the messages stand in the log in this order; {{...}} parts are regular expressions. */
export function hasMessages(log: string, messages: readonly string[]): boolean {
  let at = 0;
  for (const message of messages) {
    const found = pattern(message).exec(log.slice(at));
    if (!found) return false;
    at += found.index + found[0].length;
  }
  return true;
}

function pattern(message: string): RegExp {
  const parts = message.split(/\{\{(.*?)\}\}/);
  return new RegExp(parts.map((part, i) => (i % 2 === 1 ? part : quote(part))).join(''));
}

function quote(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** What came out instead of what Linux answered, in a line. */
export function describe(load: RecordedLoad, verdict: ComparedVerdict): string {
  if (load.errno !== 0 && verdict.accepted) return `accepted, Linux: errno ${load.errno}`;
  return `errno ${verdict.errno}, Linux: ${load.errno}: ${verdict.message}`.trim();
}
