/** Opens sessions from what the command line names: scenes and kernels. */
import { readInputText } from '../bpf/input-file.ts';
import { DEFAULT_KERNEL, hasProfile, openProfile, profileNames } from '../kernel-model/profile-node.ts';
import { emptyScene, type ParsedScene } from '../kernel-model/scene/parsed-scene.ts';
import { createVm } from '../vm/node.ts';
import { Session } from './session.ts';

/**
 * The parser is loaded when there is something to parse: half of what a run without a scene would load is YAML.
 * @throws {InputError} when the file cannot be read or is no scene.
 */
export async function readScene(path: string | undefined): Promise<ParsedScene> {
  if (path === undefined) return emptyScene('empty scene');
  const { parseScene } = await import('../kernel-model/scene/parse.ts');
  return parseScene(readInputText(path), path);
}

/** @param kernel overrides what the scene says. */
export async function openSession(scene: ParsedScene, kernel?: string): Promise<Session> {
  const name = kernel ?? scene.scene.kernel ?? DEFAULT_KERNEL;
  if (kernel === undefined && !hasProfile(name)) {
    throw scene.error(['kernel'], `unknown kernel "${name}"; known: ${profileNames().join(', ')}`);
  }
  return new Session(await createVm(), openProfile(name), scene);
}
