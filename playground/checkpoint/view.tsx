/** The checkpoint view: a scene, and what a checkpoint and a restore make of it. */
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import '../style/checkpoint.css';
import { SceneText } from '../scene/scene-text.tsx';
import { fail, kernel, site } from '../state.ts';
import { DumpStep } from './dump-step.tsx';
import { Flow } from './flow.tsx';
import { ImagesStep } from './images-step.tsx';
import { RestoreStep } from './restore-step.tsx';
import {
  beginCheckpoint,
  checkpointAndRestore,
  checkScene,
  chooseScene,
  editScene,
  followKernel,
  problem,
  type Step,
  sceneName,
  sceneText,
  step,
  stop,
  trip,
  underWay,
} from './state.ts';
import { Verdict } from './verdict.tsx';

const OWN = ':own';
/** Comes first in the list of scenes. */
const MADE_FOR_THIS = 'checkpoint';

export function CheckpointView(): JSX.Element {
  useEffect(beginCheckpoint, []);
  useEffect(followKernel, []);
  const Detail = DETAILS[step.value];
  return (
    <>
      <TripBar />
      <div class="checkpoint">
        <SceneText
          class="checkpoint-scene"
          label="Scene, as YAML"
          value={sceneText.value}
          onChange={editScene}
          check={checkScene}
          problem={problem.value}
        />
        <div class="checkpoint-trip">
          <Verdict />
          <Flow />
          {trip.value && (
            <div id="checkpoint-detail" class="checkpoint-detail">
              <Detail trip={trip.value} />
            </div>
          )}
        </div>
      </div>
    </>
  );
}

const DETAILS = { dump: DumpStep, images: ImagesStep, restore: RestoreStep } satisfies Record<Step, unknown>;

function TripBar(): JSX.Element {
  const { scenes, kernels } = site.value;
  const sorted = scenes.toSorted(
    (a, b) => Number(b.name === MADE_FOR_THIS) - Number(a.name === MADE_FOR_THIS),
  );
  const about = scenes.find(({ name }) => name === sceneName.value)?.about;
  return (
    <form
      class="input-bar checkpoint-bar"
      aria-label="What is checkpointed"
      onSubmit={(event) => {
        event.preventDefault();
        checkpointAndRestore().catch(fail);
      }}
    >
      <label class="field" for="checkpoint-scene">
        <span>Scene</span>
        <select
          id="checkpoint-scene"
          value={sceneName.value ?? OWN}
          onChange={({ currentTarget: { value } }) => {
            if (value !== OWN) chooseScene(value).catch(fail);
          }}
        >
          {sceneName.value === undefined && <option value={OWN}>A scene written here</option>}
          {sorted.map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label class="field" for="checkpoint-kernel">
        <span>Kernel</span>
        <select
          id="checkpoint-kernel"
          value={kernel.value}
          onChange={({ currentTarget }) => {
            kernel.value = currentTarget.value;
          }}
        >
          {kernels.map(({ name }) => (
            <option key={name} value={name}>
              Linux {name}
            </option>
          ))}
        </select>
      </label>
      {underWay.value === undefined ? (
        <button type="submit" class="primary">
          Checkpoint and restore
        </button>
      ) : (
        <button type="button" onClick={stop}>
          Stop
        </button>
      )}
      {about && <p class="checkpoint-about">{about}</p>}
    </form>
  );
}
