/** Lock scenes: actors in one kernel, and all the ways in which they can get in each other's way. */
export { documentScenes } from './document.ts';
export { type ParsedLockScene, parseLockScene } from './parse.ts';
export {
  DEFAULT_MAX_STATES,
  type FindingReport,
  type RunOptions,
  runLockScene,
  type SceneReport,
} from './report.ts';
export {
  type Choice,
  type HeldLock,
  type LockWait,
  type StepFinding,
  Stepper,
  type StepRow,
} from './stepper.ts';
export { sceneText } from './text.ts';
export { timeline } from './timeline.ts';
