/** A scene that was read and checked, with the place of everything in it. */
import type { Scene } from './scene.ts';
import { type Position, SceneError, type ScenePath } from './scene-error.ts';

export interface ParsedScene {
  readonly file: string;
  readonly scene: Scene;
  /** Where a part of the scene stands; the nearest enclosing part for what is not written. */
  locate(path: ScenePath): Position;
  /** An error that points there. */
  error(path: ScenePath, reason: string, errno?: number): SceneError;
}

/** What an empty file is: a world with nothing in it but pid 1. */
export function emptyScene(file: string): ParsedScene {
  const start = { line: 1, column: 1 };
  return {
    file,
    scene: {},
    locate: () => start,
    error: (_path, reason, errno = 0) => new SceneError(reason, file, start, errno),
  };
}
