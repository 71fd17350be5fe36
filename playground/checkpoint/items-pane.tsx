/** The inventory of ring state, item by item. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { Pane } from '../ui/pane.tsx';
import type { Difference, ItemRow, ItemStatus, Trip } from './protocol.ts';
import { FILTERS, type Filter, filter, IS_SHOWN } from './state.ts';

const FILTER_TEXTS: { readonly [Name in Filter]: string } = {
  scene: 'In this scene',
  different: 'Different',
  all: 'All',
};

const CLASSES: { readonly [name: string]: string } = {
  R: 'restorable exactly',
  r: 'restorable with a caveat',
  D: 'derived from other state',
  N: 'not restorable',
};

const STATUS_TEXTS: { readonly [Name in ItemStatus]: string } = {
  equal: 'equal',
  caveat: 'equal',
  different: 'different',
  refused: 'refused',
  dropped: 'lost',
  unused: 'not in use',
  outside: '–',
};

const BADGES: { readonly [Name in ItemStatus]: string } = {
  equal: 'good',
  caveat: 'good',
  different: 'bad',
  refused: 'bad',
  dropped: 'warn',
  unused: '',
  outside: '',
};

export function ItemsPane({ trip: { items, restored } }: { trip: Trip }): JSX.Element {
  const shown = items.filter(IS_SHOWN[filter.value]);
  const groups = [...new Set(shown.map(({ group }) => group))];
  const world = restored?.world ?? [];
  return (
    <Pane title="Item by item" class="items-pane" tools={<Filters items={items} />}>
      {shown.length === 0 && <p class="items-none">No item is different.</p>}
      {groups.map((group) => (
        <section key={group} aria-label={group}>
          <h3 class="items-group">{group}</h3>
          <ol class="items">
            {shown
              .filter((item) => item.group === group)
              .map((item) => (
                <li key={item.id} id={`item-${item.id}`}>
                  <Item item={item} />
                </li>
              ))}
          </ol>
        </section>
      ))}
      {world.length > 0 && (
        <section aria-label="Outside of the rings">
          <h3 class="items-group">Outside of the rings</h3>
          <Differences all={world} />
        </section>
      )}
    </Pane>
  );
}

function Filters({ items }: { items: readonly ItemRow[] }): JSX.Element {
  return (
    <fieldset class="filters">
      <legend class="visually-hidden">Items to show</legend>
      {FILTERS.map((name) => (
        <button
          key={name}
          type="button"
          aria-pressed={filter.value === name}
          onClick={() => {
            filter.value = name;
          }}
        >
          {FILTER_TEXTS[name]} {items.filter(IS_SHOWN[name]).length}
        </button>
      ))}
    </fieldset>
  );
}

function Item({ item }: { item: ItemRow }): JSX.Element {
  const isOpen = useSignal(item.status === 'different');
  const { id, state, status, text } = item;
  const about = `item-about-${id}`;
  return (
    <>
      <button
        type="button"
        class={`item ${status}`}
        aria-expanded={isOpen.value}
        aria-controls={about}
        onClick={() => {
          isOpen.value = !isOpen.value;
        }}
      >
        <span class="item-id">{id}</span>
        <span class="item-class" title={CLASSES[item.class]}>
          {item.class}
        </span>
        <span class="item-state">{state}</span>
        <span class={`badge ${BADGES[status]}`}>{STATUS_TEXTS[status]}</span>
        {text !== STATUS_TEXTS[status] && <span class="item-text">{plainText(text)}</span>}
      </button>
      <div id={about} class="item-about" hidden={!isOpen.value}>
        {isOpen.value && <About item={item} />}
      </div>
    </>
  );
}

/** "equal (in whole clock ticks)" -> "in whole clock ticks": the badge has said the rest. */
function plainText(text: string): string {
  return text.replace(/^equal \((.*)\)$/, 'up to: $1').replace(/^(refused|lost, as was allowed): /, '');
}

function About({ item }: { item: ItemRow }): JSX.Element {
  return (
    <>
      <dl>
        <dt>Class</dt>
        <dd>
          {item.class}: {CLASSES[item.class]}
        </dd>
        <dt>Since</dt>
        <dd>Linux {item.since}</dd>
        <dt>Dumped by</dt>
        <dd>{item.shownBy ?? 'nothing that is bundled'}</dd>
        <dt>Restored by</dt>
        <dd>{item.restoredBy ?? 'nothing: it follows, or is given up'}</dd>
        <dt>Here</dt>
        <dd>{item.text}</dd>
      </dl>
      {item.differences.length > 0 && <Differences all={item.differences} />}
    </>
  );
}

function Differences({ all }: { all: readonly Difference[] }): JSX.Element {
  return (
    <ul class="differences">
      {all.map(({ path, before, after }) => (
        <li key={path}>
          <span class="mono">{path}</span>: <del>{before}</del> before, <ins>{after}</ins> after
        </li>
      ))}
    </ul>
  );
}
