/** Scene files: see schema.json for the format. */
export { buildScene } from './build.ts';
export { MAX_SCENE_SIZE, parseScene } from './parse.ts';
export { emptyScene, type ParsedScene } from './parsed-scene.ts';
export type * from './scene.ts';
export { type Position, SceneError, type ScenePath } from './scene-error.ts';
export { type OpenFile, type SceneMap, World } from './world.ts';
