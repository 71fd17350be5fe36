/** The locks view's worker: parses scenes, goes through one order or through all. */
import {
  type ParsedLockScene,
  parseLockScene,
  runLockScene,
  Stepper,
} from '../../kernel-model/locks/index.ts';
import { say } from '../rpc/progress.ts';
import type { ExploreProgress, LockService } from './protocol.ts';
import { walk } from './walk.ts';

let last: { readonly text: string; readonly parsed: ParsedLockScene } | undefined;

function parse(text: string, file: string): ParsedLockScene {
  if (last?.text !== text) last = { text, parsed: parseLockScene(text, file) };
  return last.parsed;
}

export const service: LockService = {
  async check(text, file) {
    // What is too large shows only once it is built.
    new Stepper(parse(text, file).scene);
  },

  async walk({ text, file, ...request }) {
    return walk(parse(text, file).scene, request);
  },

  async explore(text, file, options) {
    const progress = (states: number) => say({ states } satisfies ExploreProgress);
    return runLockScene(parse(text, file).scene, { ...options, progress });
  },
};
