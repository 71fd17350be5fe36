/** What a round trip has come to, in a sentence; and what may be lost. */
import type { JSX } from 'preact';
import { fail } from '../state.ts';
import type { Refusal, Stage, Trip } from './protocol.ts';
import { allowLoss, checkpointAndRestore, drop, trip, underWay } from './state.ts';

const STAGE_TEXTS: { readonly [Name in Stage]: string } = {
  build: 'Building the scene …',
  dump: 'Dumping it with BPF programs …',
  images: 'Writing images …',
  restore: 'Restoring what the images hold, and dumping that …',
};

export function Verdict(): JSX.Element {
  const made = trip.value;
  const at = underWay.value;
  const { kind, text, more } = made ? verdictOf(made) : { kind: '', text: '', more: '' };
  return (
    <div class={`verdict ${at === undefined ? kind : ''}`}>
      <div id="checkpoint-verdict" role="status" aria-busy={at !== undefined}>
        {at !== undefined && <p>{STAGE_TEXTS[at]}</p>}
        {at === undefined && made && (
          <>
            <p class="verdict-text">{text}</p>
            {more !== '' && <p>{more}</p>}
          </>
        )}
        {at === undefined && !made && (
          <p class="verdict-hint">
            The tasks of the scene are dumped by BPF iterators, written as CRIU’s images, and brought about
            again in a fresh kernel; then both worlds are compared, item by item.
          </p>
        )}
      </div>
      {made && at === undefined && <Losses trip={made} />}
    </div>
  );
}

interface Said {
  readonly kind: 'good' | 'warn' | 'bad';
  readonly text: string;
  readonly more: string;
}

function verdictOf({ refusals, dropped, restored, failure, items }: Trip): Said {
  if (refusals.length > 0) {
    const what = refusals.length === 1 ? 'one thing' : `${refusals.length} things`;
    return { kind: 'bad', text: `Refused: ${what} would be lost.`, more: '' };
  }
  if (!restored) return { kind: 'bad', text: 'The restore fails.', more: failure ?? '' };
  const count = (status: string) => items.filter((item) => item.status === status).length;
  const [equal, caveat, different] = [count('equal'), count('caveat'), count('different')];
  const used = equal + caveat + different;
  const more = `${used} items of ring state in use: ${equal} equal, ${caveat} equal up to a caveat, ${different} different. The rest of the world is ${restored.world.length === 0 ? 'equal' : 'different'}.`;
  if (!restored.equal) return { kind: 'bad', text: 'Different: not all came back as it was.', more };
  if (dropped.length > 0) return { kind: 'warn', text: 'Equal, but for what was allowed to be lost.', more };
  return { kind: 'good', text: 'Equal: nothing was lost.', more };
}

/** What is refused, and a box for each item: with it allowed, the checkpoint goes on without. */
function Losses({ trip: { refusals, dropped, items } }: { trip: Trip }): JSX.Element | null {
  const all = [...refusals, ...dropped];
  if (all.length === 0) return null;
  const changed = all.some(
    ({ item }) => item !== undefined && isAllowed(item) !== dropped.some((loss) => loss.item === item),
  );
  return (
    <form
      class="losses"
      aria-label="What may be lost"
      onSubmit={(event) => {
        event.preventDefault();
        checkpointAndRestore().catch(fail);
      }}
    >
      <ul>
        {all.map((loss) => (
          <Loss
            key={`${loss.item} ${loss.subject} ${loss.reason}`}
            loss={loss}
            state={items.find(({ id }) => id === loss.item)?.state}
          />
        ))}
      </ul>
      <button type="submit" disabled={!changed}>
        Try again with these losses
      </button>
    </form>
  );
}

const isAllowed = (item: number) => drop.value.includes(item);

interface LossProps {
  readonly loss: Refusal;
  /** What the item of the inventory is. */
  readonly state: string | undefined;
}

function Loss({ loss: { item, subject, reason }, state }: LossProps): JSX.Element {
  const text = (
    <span>
      {item !== undefined && <span class="badge bad">item {item}</span>} <b>{subject}</b> {reason}
      {state !== undefined && <span class="loss-state">{state}</span>}
    </span>
  );
  if (item === undefined) return <li class="no-choice">{text}</li>;
  return (
    <li>
      <label class="check">
        <input
          type="checkbox"
          checked={isAllowed(item)}
          onChange={({ currentTarget }) => allowLoss(item, currentTarget.checked)}
        />
        <span class="visually-hidden">Allow to lose</span>
        {text}
      </label>
    </li>
  );
}
