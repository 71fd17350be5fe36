/** Opens sessions from what the command line names: files and kernels. */
import { readFileSync } from 'node:fs';
import { InputError } from '../bpf/input-error.ts';
import { openProfile, profileNames } from '../kernel-model/profile-node.ts';
import { type ParsedScene, parseScene } from '../kernel-model/scene/index.ts';
import { Session } from '../session/session.ts';
import { createVm } from '../vm/node.ts';

/** Kernel of scenes that do not say which. */
export const DEFAULT_KERNEL = '6.12';
/** Larger files are no BPF objects. */
const MAX_OBJECT_SIZE = 256 << 20;

/** @throws {InputError} when the file cannot be read or is no scene. */
export function readScene(path: string | undefined): ParsedScene {
  return path === undefined ? parseScene('', 'empty scene') : parseScene(readText(path), path);
}

/** @param kernel overrides what the scene says. */
export async function openSession(scene: ParsedScene, kernel?: string): Promise<Session> {
  const name = kernel ?? scene.scene.kernel ?? DEFAULT_KERNEL;
  if (kernel === undefined && !profileNames().includes(name)) {
    throw scene.error(['kernel'], `unknown kernel "${name}"; known: ${profileNames().join(', ')}`);
  }
  return new Session(await createVm(), openProfile(name), scene);
}

export function readObject(path: string): Uint8Array {
  const bytes = readInput(path);
  if (bytes.length > MAX_OBJECT_SIZE) throw new InputError('too large for a BPF object', { file: path });
  return bytes;
}

function readText(path: string): string {
  return new TextDecoder().decode(readInput(path));
}

function readInput(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code})`;
    throw new InputError(reason, { file: path });
  }
}
