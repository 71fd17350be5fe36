/** The text of a scene, with what is wrong with it. */
import type { JSX } from 'preact';
import { Pane } from '../ui/pane.tsx';
import { problemText, type SceneProblem } from './problem.ts';
import { YamlEditor, type YamlEditorProps } from './yaml-editor.tsx';

export interface SceneTextProps extends YamlEditorProps {
  readonly class: string;
  readonly problem: SceneProblem | undefined;
}

export function SceneText({ class: className, problem, ...editor }: SceneTextProps): JSX.Element {
  return (
    <Pane title="Scene" class={className}>
      <div class="scene-text">
        <YamlEditor {...editor} />
      </div>
      {problem && (
        <p class="scene-problem" role="alert">
          {problemText(problem)}
        </p>
      )}
    </Pane>
  );
}
