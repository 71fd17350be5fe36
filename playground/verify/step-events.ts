/** What happened at a step, in words. */
import type { VerifierEvent } from '../../verifier/event-reader.ts';
import { neededPlaces } from '../../verifier/trace/needs.ts';
import type { Trace } from '../../verifier/trace/trace.ts';
import type { StepEvent, StepView } from './protocol.ts';

/** Events of a step for people; precision is told apart from them, because there is so much of it. */
export function stepEvents(trace: Trace, step: number): Pick<StepView, 'events' | 'precise'> {
  const events: StepEvent[] = [];
  const precise: { insn: number; registers: string[] }[] = [];
  let path = trace.pathOf[step] as number;
  for (const event of trace.eventsOf(step)) {
    // Paths that are covered at once have no step of their own.
    if (event.kind === 'resume' || event.kind === 'function') path++;
    if (event.kind === 'precise') {
      const registers = neededPlaces(event.registers, event.slots);
      if (registers.length > 0) precise.push({ insn: event.at, registers });
    } else {
      const told = eventOf(trace, event);
      // Precision is asked of a state again and again.
      const isRepeated = event.kind === 'precise-state' && events.some(({ text }) => text === told?.text);
      if (told && !isRepeated) events.push(event.kind === 'prune' ? { ...told, path } : told);
    }
  }
  return { events, precise };
}

function eventOf(trace: Trace, event: VerifierEvent): StepEvent | undefined {
  switch (event.kind) {
    case 'branch':
      return {
        kind: 'branch',
        text: `another path waits: from ${event.from} to ${event.insn}${event.speculative ? ', speculative' : ''}`,
      };
    case 'resume':
      return { kind: 'resume', text: `the path from ${event.from} to ${event.insn} goes on` };
    case 'function':
      return { kind: 'function', text: `function ${event.subprog}, at ${event.insn}, is verified` };
    case 'checkpoint':
      return { kind: 'kept', text: `state ${event.state} is kept at ${event.insn}` };
    case 'prune':
      return {
        kind: 'pruned',
        text: `the path ends: state ${event.state}, kept at ${event.insn}, covers this one`,
        step: trace.stepOfState(event.state),
      };
    case 'exit':
      return { kind: 'exit', text: 'the path is at its end' };
    case 'precise-state': {
      const names = neededPlaces(event.registers, event.slots);
      if (names.length === 0) return undefined;
      return {
        kind: 'precise',
        text: `state ${event.at} needs exact values of ${names.join(', ')}`,
        step: trace.stepOfState(event.at),
      };
    }
    default:
      return undefined;
  }
}
