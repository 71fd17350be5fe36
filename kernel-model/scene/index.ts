/** Scene files: see schema.json for the format. */
export { buildScene } from './build.ts';
export { MAX_SCENE_SIZE, type ParsedScene, parseScene } from './parse.ts';
export type * from './scene.ts';
export { type Position, SceneError, type ScenePath } from './scene-error.ts';
export { type OpenFile, type SceneMap, World } from './world.ts';
