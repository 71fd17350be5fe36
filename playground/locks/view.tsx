/** The locks view: a scene, all orders of its steps, and one of them step by step. */
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import '../style/locks.css';
import type { SiteScene } from '../kernel/site.ts';
import { SceneText } from '../scene/scene-text.tsx';
import { fail, site } from '../state.ts';
import { OrdersPane } from './orders.tsx';
import { beginLocks, checkScene, chooseScene, editScene, problem, sceneName, sceneText } from './state.ts';
import { TimelinePane } from './timeline-pane.tsx';

const OWN = ':own';

export function LocksView(): JSX.Element {
  useEffect(beginLocks, []);
  return (
    <>
      <SceneBar />
      <div class="locks">
        <SceneText
          class="locks-scene"
          label="Scene of locks, as YAML"
          value={sceneText.value}
          onChange={editScene}
          check={checkScene}
          problem={problem.value}
        />
        <OrdersPane />
        <TimelinePane />
      </div>
    </>
  );
}

function SceneBar(): JSX.Element {
  const about = site.value.lockScenes.find(({ name }) => name === sceneName.value)?.about;
  return (
    <form
      class="input-bar locks-bar"
      aria-label="Scene of locks"
      onSubmit={(event) => event.preventDefault()}
    >
      <label class="field" for="lock-scene">
        <span>Scene</span>
        <select
          id="lock-scene"
          value={sceneName.value ?? OWN}
          onChange={({ currentTarget: { value } }) => {
            if (value !== OWN) chooseScene(value).catch(fail);
          }}
        >
          {sceneName.value === undefined && <option value={OWN}>A scene written here</option>}
          {groups(site.value.lockScenes).map(([group, scenes]) => (
            <optgroup key={group} label={group}>
              {scenes.map(({ name }) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </optgroup>
          ))}
        </select>
      </label>
      <p class="locks-about">{about ?? 'Actors in one kernel, and what each of them does.'}</p>
    </form>
  );
}

function groups(scenes: readonly SiteScene[]): [string, SiteScene[]][] {
  const found = new Map<string, SiteScene[]>();
  for (const scene of scenes) found.set(scene.group, [...(found.get(scene.group) ?? []), scene]);
  return [...found];
}
