/** Scenes: the worlds that modelled kernels start with (docs/scenes.md). */
import { readInputText } from '../bpf/input-file.ts';
import { emptyScene, type ParsedScene, parseScene } from '../kernel-model/scene/index.ts';

/** A scene that was read; what it names is looked at when a kernel is opened with it. */
export type Scene = ParsedScene;

export const Scene = {
  /** Only pid 1. */
  empty: emptyScene('empty scene'),

  /**
   * @param file name for messages
   * @throws {InputError} for text that is no scene, with the line.
   */
  parse(yaml: string, file = 'scene'): Scene {
    return parseScene(yaml, file);
  },

  /** @throws {InputError} when the file cannot be read or is no scene. */
  read(path: string): Scene {
    return parseScene(readInputText(path), path);
  },
} as const;
