/** The scene that programs run over: chosen, and edited as a form or as YAML. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { problemText, type SceneProblem } from '../../scene/problem.ts';
import { YamlEditor } from '../../scene/yaml-editor.tsx';
import { site } from '../../state.ts';
import { Pane } from '../../ui/pane.tsx';
import { Tabs } from '../../ui/tabs.tsx';
import { checkScene, chooseScene, editScene } from '../control.ts';
import { EMPTY_SCENE, OWN_SCENE, sceneFault, sceneFile, sceneText } from '../state.ts';
import { SceneForm } from './form.tsx';
import { World } from './world.tsx';

const WAYS = ['form', 'yaml', 'world'] as const;
type Way = (typeof WAYS)[number];
const TITLES: { readonly [Name in Way]: string } = { form: 'Form', yaml: 'YAML', world: 'What it has' };

export function ScenePane(): JSX.Element {
  const [way, setWay] = useState<Way>('form');
  const tools = (
    <>
      <label class="field">
        <span class="visually-hidden">Scene</span>
        <select
          id="run-scene"
          value={sceneFile.value}
          onChange={({ currentTarget }) => void chooseScene(currentTarget.value)}
        >
          {sceneFile.value === OWN_SCENE && <option value={OWN_SCENE}>your own</option>}
          {site.value.scenes.map(({ name, file, about }) => (
            <option key={file} value={file} title={about}>
              {name}
            </option>
          ))}
          <option value={EMPTY_SCENE}>empty</option>
        </select>
      </label>
      <Tabs
        label="Scene as"
        names={WAYS}
        current={way}
        panel="run-scene-panel"
        text={(name) => TITLES[name]}
        choose={(name) => setWay(name)}
      />
    </>
  );
  return (
    <Pane title="Scene" class="run-scene" tools={tools}>
      <div id="run-scene-panel" role="tabpanel" aria-label={TITLES[way]} class={`scene-${way}`}>
        <Fault fault={sceneFault.value} />
        {way === 'form' && <SceneForm />}
        {way === 'yaml' && <Yaml />}
        {way === 'world' && <World />}
      </div>
    </Pane>
  );
}

function Fault({ fault }: { fault: SceneProblem | undefined }): JSX.Element {
  return (
    <div role="alert" class="scene-fault" id="run-scene-fault">
      {fault && problemText(fault)}
    </div>
  );
}

function Yaml(): JSX.Element {
  return <YamlEditor label="Scene as YAML" value={sceneText.value} onChange={editScene} check={checkScene} />;
}
