/** The programs of a seed: which strategies, in which order, in which kind of program. */
import { CONTEXTS, type ContextType } from './contexts.ts';
import { Draft, type Shared } from './draft.ts';
import type { GeneratedFunction, GeneratedProgram, ProgramFlag } from './program.ts';
import { Random } from './random.ts';
import * as calls from './strategies/calls.ts';
import * as context from './strategies/context.ts';
import { helperCall } from './strategies/helpers.ts';
import { currentTask, walk } from './strategies/kernel.ts';
import * as loops from './strategies/loops.ts';
import * as mem from './strategies/memory.ts';
import * as objects from './strategies/objects.ts';
import * as paths from './strategies/paths.ts';
import * as pointers from './strategies/pointers.ts';
import { soup, unknown } from './strategies/scalars.ts';
import * as stack from './strategies/stack.ts';

type Strategy = (draft: Draft) => void;

interface Choice {
  weight: number;
  run: Strategy;
  /** Not for tasks without capabilities. */
  privileged?: boolean;
  /** Has a body of its own: not within too many others. */
  nests?: boolean;
  /** Only for programs that attach by BTF id; for those it weighs more. */
  typed?: boolean;
  /** Families of programs that may do this; all when absent. */
  families?: readonly ContextType['family'][];
}

const CHOICES: readonly Choice[] = [
  { weight: 14, run: soup },
  { weight: 9, run: stack.spills },
  { weight: 5, run: stack.variableStack },
  { weight: 4, run: stack.stackEdges },
  { weight: 4, run: stack.merge },
  { weight: 5, run: paths.linked, privileged: true },
  { weight: 3, run: paths.typesMeet },
  { weight: 4, run: paths.nullCopies },
  { weight: 4, run: paths.latePrecision, privileged: true },
  { weight: 4, run: paths.packetCopies },
  { weight: 10, run: mem.mapValue },
  { weight: 5, run: mem.globals },
  { weight: 4, run: mem.mapUpdate },
  { weight: 2, run: mem.queue, privileged: true },
  { weight: 5, run: (draft) => mem.guarded(draft, () => fragment(draft)), nests: true },
  { weight: 5, run: context.fields },
  { weight: 9, run: context.packet },
  { weight: 3, run: context.classic },
  { weight: 6, run: helperCall },
  { weight: 4, run: pointers.pointers },
  { weight: 4, run: pointers.signedOffsets },
  { weight: 2, run: pointers.confusion },
  { weight: 5, run: (draft) => loops.counted(draft, fragment), nests: true, privileged: true },
  { weight: 3, run: loops.dataDependent, privileged: true },
  { weight: 3, run: (draft) => loops.mayGoto(draft, fragment), nests: true, privileged: true },
  { weight: 3, run: (draft) => loops.helperLoop(draft, fragment), nests: true, privileged: true },
  { weight: 3, run: (draft) => loops.iterator(draft, fragment), nests: true, privileged: true },
  { weight: 3, run: loops.overValue, privileged: true },
  { weight: 6, run: (draft) => calls.subprogram(draft, fragment), nests: true, privileged: true },
  { weight: 3, run: (draft) => calls.forEach(draft, fragment), nests: true, privileged: true },
  { weight: 2, run: calls.tailCall },
  { weight: 5, run: (draft) => objects.ringbuf(draft, fragment), nests: true, privileged: true },
  { weight: 2, run: objects.ringbufOutput, privileged: true },
  { weight: 3, run: objects.socket, privileged: true, families: ['skb', 'xdp'] },
  { weight: 5, run: objects.spinLock, privileged: true, families: ['skb', 'xdp', 'sock', 'other'] },
  { weight: 3, run: objects.timer, privileged: true, families: ['skb', 'xdp', 'sock'] },
  { weight: 2, run: (draft) => objects.sections(draft, fragment), nests: true, privileged: true },
  { weight: 3, run: objects.dynptr, privileged: true },
  { weight: 6, run: objects.task, privileged: true, families: ['typed', 'other'] },
  { weight: 1, run: currentTask, privileged: true },
  { weight: 60, run: walk, privileged: true, typed: true },
];

const MAX_DEPTH = 2;

/** One strategy's worth of program. */
function fragment(draft: Draft): void {
  const { shared } = draft;
  if (shared.budget <= 0) return;
  const choices = CHOICES.filter(
    ({ privileged, nests, typed, families }) =>
      !(privileged && shared.unprivileged) &&
      !(nests && draft.depth >= MAX_DEPTH) &&
      (!typed || shared.context.family === 'typed') &&
      (!families || families.includes(shared.context.family)),
  );
  draft.random.weighted(choices.map(({ weight, run }) => [weight, run] as const))(draft);
}

function flagsOf(random: Random): ProgramFlag[] {
  const flags: ProgramFlag[] = [];
  if (random.chance(0.3)) flags.push('BPF_F_TEST_STATE_FREQ');
  if (random.chance(0.2)) flags.push('BPF_F_TEST_REG_INVARIANTS');
  if (random.chance(0.06)) flags.push('BPF_F_STRICT_ALIGNMENT');
  if (random.chance(0.1)) flags.push('BPF_F_TEST_RND_HI32');
  return flags;
}

/** Half of all programs are network programs of the common kinds. */
function contextOf(random: Random, unprivileged: boolean): ContextType {
  const candidates = unprivileged ? CONTEXTS.filter((candidate) => candidate.unprivileged) : CONTEXTS;
  const common = candidates.filter(
    ({ family }) => family === 'skb' || family === 'xdp' || family === 'tracing',
  );
  return random.pick(random.chance(0.6) ? common : candidates);
}

/** The program of a seed: always the same. */
export function generate(seed: number): GeneratedProgram {
  const random = new Random(seed);
  const unprivileged = random.chance(0.12);
  const contextType = contextOf(random, unprivileged);
  const flags = flagsOf(random);
  const wrong = random.chance(0.5);
  const mutation = random.chance(0.14) ? random.next() : undefined;
  const inner = random.next();
  const build = (slipAt: number) => functionsOf(inner, contextType, unprivileged, slipAt);
  let { functions, places } = build(-1);
  if (wrong) ({ functions, places } = build(new Random(inner).int(0, places - 1)));
  const { section, struct } = contextType;
  return { seed, section, ctxType: struct, unprivileged, flags, functions, mutation };
}

function functionsOf(seed: number, contextType: ContextType, unprivileged: boolean, slipAt: number) {
  const random = new Random(seed);
  const functions: GeneratedFunction[] = [{ kind: 'main', params: ['ctx'], text: '' }];
  const shared: Shared = {
    random,
    context: contextType,
    unprivileged,
    functions,
    slipAt,
    places: 0,
    labels: 0,
    budget: random.int(20, 160),
  };
  const draft = new Draft(shared, 448);
  prologue(draft);
  for (let i = random.int(1, 5); i > 0 && shared.budget > 0; i--) fragment(draft);
  epilogue(draft);
  functions[0] = draft.finish('main', ['ctx']);
  return { functions, places: shared.places };
}

function prologue(draft: Draft): void {
  draft.ctx = draft.random.chance(0.6) ? 6 : draft.random.int(7, 9);
  draft.pin(draft.ctx);
  draft.emit(`r${draft.ctx} = r1`);
}

function epilogue(draft: Draft): void {
  const { random } = draft;
  const [low, high] = draft.shared.context.returns ?? [0, 3];
  if (draft.slip()) draft.emit(`r0 = ${random.pick([`r${draft.ctx}`, 'r10', String(high + 1), '-1', 'r3'])}`);
  else if (random.chance(0.3)) returnNumber(draft, high);
  else if (!draft.slip()) draft.emit(`r0 = ${random.int(low, high)}`);
  draft.emit('exit');
  draft.landing('out', () => draft.emit(`r0 = ${low}`, 'exit'));
}

/** Returns a computed number; where it matters, one that was shown to be small enough. */
function returnNumber(draft: Draft, high: number): void {
  draft.using((register) => {
    unknown(draft, register);
    draft.emit(`r0 = r${register}`);
    return undefined;
  });
  if (!draft.shared.context.returns) return;
  draft.emit(`if r0 > ${draft.slip() ? high + 1 : high} goto ${draft.exit}`);
}
