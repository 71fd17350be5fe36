/** Sessions whose memory is used again: a thousand of them keep the garbage collector busier than the machines are. */
import { readFileSync } from 'node:fs';
import { openProfile } from '../../../kernel-model/profile-node.ts';
import type { ParsedScene } from '../../../kernel-model/scene/index.ts';
import { Session } from '../../../session/session.ts';
import { MemoryPool } from '../../../vm/memory-pool.ts';

let pool: MemoryPool | undefined;

/** A session whose memory can be given back. */
export async function openLent(scene: ParsedScene, kernel: string): Promise<Session> {
  pool ??= new MemoryPool(readFileSync(new URL('../../../build/vm.wasm', import.meta.url)));
  return new Session(await pool.create(), openProfile(kernel), scene);
}

/** The session is not used any more. */
export function giveBack(session: Session): void {
  pool?.release(session.vm);
}
