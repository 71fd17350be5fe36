/** Machines for the worker's sessions, which use the same memories again. */
import type { KernelProfile } from '../../kernel-model/profile.ts';
import type { ParsedScene } from '../../kernel-model/scene/index.ts';
import { Session } from '../../session/session.ts';
import { MemoryPool } from '../../vm/memory-pool.ts';
import { fetchBytes } from './site.ts';

let pool: Promise<MemoryPool> | undefined;

/** Tried again after it has failed. */
export function machines(): Promise<MemoryPool> {
  pool ??= fetchBytes('vm.wasm').then((bytes) => new MemoryPool(bytes));
  pool.catch(() => {
    pool = undefined;
  });
  return pool;
}

type Open = (scene: ParsedScene) => Promise<Session>;

/** Opens sessions as long as `use` goes on; none of them outlasts it. */
export async function withSessions<T>(profile: KernelProfile, use: (open: Open) => Promise<T>): Promise<T> {
  const memories = await machines();
  const opened: Session[] = [];
  const open: Open = async (scene) => {
    const vm = await memories.create();
    try {
      const session = new Session(vm, profile, scene);
      opened.push(session);
      return session;
    } catch (error) {
      memories.release(vm);
      throw error;
    }
  };
  try {
    return await use(open);
  } finally {
    for (const { vm } of opened) memories.release(vm);
  }
}
