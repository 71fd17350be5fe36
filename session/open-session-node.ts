/** Opens sessions from what the command line names: scenes and kernels. */
import { readInputText } from '../bpf/input-file.ts';
import { DEFAULT_KERNEL, openProfile, profileNames } from '../kernel-model/profile-node.ts';
import { type ParsedScene, parseScene } from '../kernel-model/scene/index.ts';
import { createVm } from '../vm/node.ts';
import { Session } from './session.ts';

/** @throws {InputError} when the file cannot be read or is no scene. */
export function readScene(path: string | undefined): ParsedScene {
  return path === undefined ? parseScene('', 'empty scene') : parseScene(readInputText(path), path);
}

/** @param kernel overrides what the scene says. */
export async function openSession(scene: ParsedScene, kernel?: string): Promise<Session> {
  const name = kernel ?? scene.scene.kernel ?? DEFAULT_KERNEL;
  if (kernel === undefined && !profileNames().includes(name)) {
    throw scene.error(['kernel'], `unknown kernel "${name}"; known: ${profileNames().join(', ')}`);
  }
  return new Session(await createVm(), openProfile(name), scene);
}
