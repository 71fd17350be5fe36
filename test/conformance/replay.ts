/** Parts: the recorded load requests, given to the verifier as they were given to Linux 6.12 and to Linux 6.1. */
import { loadName, type RecordedLoad } from './archive.ts';
import { type Context, wantedLoads } from './context.ts';
import { IsolatedVerifier } from './isolated-verifier.ts';
import type { Judgement } from './judge.ts';
import { type Line, withoutLine } from './line.ts';
import { recordedRequest } from './recorded-request.ts';
import { Scorecard } from './scorecard.ts';

const PROGRESS_EVERY = 1000;
/** Objects with large programs of real use, and the kernel's own for scale. */
const LARGE = /^(pyperf|strobemeta|test_verif_scale|test_cls_redirect|profiler|loop\d)/;

async function score(context: Context): Promise<{ card: Scorecard; large: LargePrograms }> {
  const { wasm, recorded, kernel } = context;
  const verifier = new IsolatedVerifier({ wasm, recorded, kernel });
  const card = new Scorecard();
  const large = new LargePrograms();
  for (const load of wantedLoads(context)) {
    const request = recordedRequest(load, context.archive.blobs);
    large.add(load, card.add(load, await verifier.run({ kind: 'request', request })));
    if (card.loads % PROGRESS_EVERY === 0) context.progress(`${card.loads} recorded loads of ${kernel}`);
  }
  await verifier.close();
  for (const kind of ['verdict', 'messages', 'insns', 'states', 'stack'] as const) {
    context.failed(kind, card.failures[kind]);
  }
  return { card, large };
}

/** What 6.1 answered to those of the same loads that reached its verifier. */
export async function replayOlder(context: Context): Promise<Line[]> {
  const { card, large } = await score(context);
  const prefix = `${context.kernel}: `;
  return [
    card.total(`${prefix}privileged, verdict and errno`, / priv verdict/, { percent: 97 }),
    card.total(`${prefix}unprivileged, verdict and errno`, / unpriv verdict/, { percent: 97 }),
    card.total(`${prefix}expected messages`, / messages/, { percent: 98 }),
    large.line(prefix),
    ...card.safetyLines(prefix),
    ...card.setLines(prefix),
  ];
}

export async function replay(context: Context): Promise<Line[]> {
  const { card, large } = await score(context);
  return [
    card.total('verifier_* privileged, verdict and errno', /^verifier priv verdict/, { count: 1360 }),
    card.total('all privileged, verdict and errno', /^(verifier|others) priv verdict/, { percent: 97 }),
    card.total('unprivileged, verdict and errno', /^verifier unpriv verdict/, { count: 485 }),
    card.total('struct-style, verdict and errno', /^struct .* verdict/, { count: 780 }),
    card.total('privileged, expected messages', / priv messages/, { percent: 98 }),
    card.total('unprivileged, expected messages', / unpriv messages/, { percent: 98 }),
    large.line(),
    ...card.safetyLines(''),
    ...card.setLines(''),
  ];
}

/** Large programs, which have to agree in instructions and states. */
class LargePrograms {
  private readonly failed: string[] = [];
  private total = 0;

  add(load: RecordedLoad, { insns, states }: Judgement): void {
    if (!LARGE.test(load.object)) return;
    this.total++;
    if (!insns || !states) this.failed.push(loadName(load));
  }

  line(prefix = ''): Line {
    return withoutLine(`${prefix}large programs, insns and states`, this.total, this.failed);
  }
}
