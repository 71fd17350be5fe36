/** The Run view: a program over a scene, step by step, either way. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { chooseExample, site } from '../state.ts';
import '../style/run.css';
import { Pane } from '../ui/pane.tsx';
import { Tabs } from '../ui/tabs.tsx';
import { follow } from './control.ts';
import { onKey } from './keys.ts';
import { BuffersPane } from './panes/buffers.tsx';
import { CodePane } from './panes/code.tsx';
import { Maps } from './panes/maps.tsx';
import { Memory } from './panes/memory.tsx';
import { OutputPane } from './panes/output.tsx';
import { RegistersPane } from './panes/registers.tsx';
import { Stack } from './panes/stack.tsx';
import { ScenePane } from './scene/scene-pane.tsx';
import { obstacle, overview } from './state.ts';
import { Toolbar } from './toolbar.tsx';

export { restoreRun, saveRun } from './state.ts';

/** Held locks that are named above the panes. */
const MOST_LOCKS = 8;

export function RunView(): JSX.Element {
  useEffect(follow, []);
  useEffect(() => {
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  return (
    <>
      <Toolbar />
      <Obstacle />
      <HeldLocks />
      <div class="run-grid">
        <ScenePane />
        <CodePane />
        <OutputPane />
        <RegistersPane />
        <Looks />
        <BuffersPane />
      </div>
    </>
  );
}

/** Why nothing runs, and what would. */
function Obstacle(): JSX.Element {
  if (obstacle.value === undefined) return <div class="run-obstacle" role="status" />;
  const iterators = site.value.examples.filter(({ group }) => group.startsWith('Iterators'));
  return (
    <div class="run-obstacle" role="status">
      <p>{obstacle.value}</p>
      <p class="run-examples">
        <span>Iterators to run:</span>
        {iterators.map(({ file, name }) => (
          <button key={file} type="button" onClick={() => chooseExample(file)}>
            {name}
          </button>
        ))}
      </p>
    </div>
  );
}

/** Of the scene: what a read may have to wait for. */
function HeldLocks(): JSX.Element | null {
  const locks = overview.value?.locks ?? [];
  if (locks.length === 0) return null;
  return (
    <p class="run-locks">
      <strong>Locks held while it runs:</strong>
      {locks.slice(0, MOST_LOCKS).map(({ lock, by }) => (
        <span key={lock} class="badge warn">
          {lock}, by {by}
        </span>
      ))}
      {locks.length > MOST_LOCKS && <span class="muted">and {locks.length - MOST_LOCKS} more</span>}
    </p>
  );
}

const LOOKS = ['memory', 'stack', 'maps'] as const;
type Look = (typeof LOOKS)[number];
const TITLES: { readonly [Name in Look]: string } = { memory: 'Memory', stack: 'Stack', maps: 'Maps' };
const BODIES: { readonly [Name in Look]: () => JSX.Element } = { memory: Memory, stack: Stack, maps: Maps };

function Looks(): JSX.Element {
  const [look, setLook] = useState<Look>('memory');
  const Body = BODIES[look];
  const tabs = (
    <Tabs
      label="Look at"
      names={LOOKS}
      current={look}
      panel="run-look"
      text={(name) => TITLES[name]}
      choose={(name) => setLook(name)}
    />
  );
  return (
    <Pane title="At this step" class="run-looks" tools={tabs}>
      <div id="run-look" role="tabpanel" aria-label={TITLES[look]}>
        <Body />
      </div>
    </Pane>
  );
}
