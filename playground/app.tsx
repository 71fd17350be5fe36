/** The page: what is looked at, and one of the views. */
import type { JSX } from 'preact';
import { CheckpointView } from './checkpoint/view.tsx';
import { InputBar } from './input/input-bar.tsx';
import { LessonDock } from './learn/lesson-dock.tsx';
import { LearnView } from './learn/view.tsx';
import { LocksView } from './locks/view.tsx';
import { OfflineMark } from './offline/offline-mark.tsx';
import { RunView } from './run/view.tsx';
import { ShareDialog, share } from './share/share-dialog.tsx';
import { notice, VIEWS, type View, view } from './state.ts';
import { Tabs } from './ui/tabs.tsx';
import { VerifyView } from './verify/view.tsx';

const TITLES: { readonly [Name in View]: string } = {
  verify: 'Verify',
  run: 'Run',
  locks: 'Locks',
  checkpoint: 'Checkpoint',
  learn: 'Learn',
};

const SCREENS: { readonly [Name in View]: () => JSX.Element } = {
  verify: VerifyView,
  run: RunView,
  locks: LocksView,
  checkpoint: CheckpointView,
  learn: LearnView,
};

/** Views in which an object is looked at; the others have inputs of their own. */
const WITH_OBJECT = new Set<View>(['verify', 'run']);

export function App(): JSX.Element {
  const Screen = SCREENS[view.value];
  return (
    <>
      <header class="page-head">
        <h1>
          <svg viewBox="0 0 32 32" aria-hidden="true" class="logo">
            <path d="M3 8v13a4 4 0 0 0 4 4h18a4 4 0 0 0 4-4V8h-3v12a2 2 0 0 1-2 2H8a2 2 0 0 1-2-2V8z" />
            <path d="M9 12h14l-2.5 7h-9z" class="logo-hull" />
          </svg>
          Drydock
        </h1>
        <Tabs
          label="Views"
          names={VIEWS}
          current={view.value}
          panel="view"
          text={(name) => TITLES[name]}
          choose={(name) => {
            view.value = name;
          }}
        />
        <span class="spread" />
        <OfflineMark />
        <button type="button" onClick={() => void share()}>
          Share
        </button>
      </header>
      <LessonDock />
      {WITH_OBJECT.has(view.value) && <InputBar />}
      <ShareDialog />
      <Notice />
      <main>
        <div id="view" role="tabpanel" aria-label={TITLES[view.value]} class={`view view-${view.value}`}>
          <Screen />
        </div>
      </main>
    </>
  );
}

function Notice(): JSX.Element {
  const said = notice.value;
  return (
    <div
      role={said?.isError ? 'alert' : 'status'}
      class={`notice ${said?.isError ? 'error' : ''}`}
      id="notice"
    >
      {said && (
        <>
          <span>{said.text}</span>
          <button type="button" class="quiet" aria-label="Dismiss" onClick={() => (notice.value = undefined)}>
            ×
          </button>
        </>
      )}
    </div>
  );
}
