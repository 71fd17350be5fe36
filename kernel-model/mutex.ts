/**
 * Sleeping locks as their records show them: `struct mutex` (owner word = the owning task) and
 * `struct rw_semaphore` (count word: bit 0 a writer, 256 for each reader). The model runs one actor at a time, so
 * a lock is never waited for here: who cannot have it is told so.
 */
import type { Record } from './record.ts';

const FLAG_BITS = 7n;
const WRITER = 1;
const READER = 256;

/** Address of the task that holds a mutex, 0n when it is free. */
export function mutexOwner(mutex: Record): bigint {
  return BigInt.asUintN(64, mutex.big('owner')) & ~FLAG_BITS;
}

/** Takes a mutex for a task; false when it is held, also by the task itself. */
export function mutexTryLock(mutex: Record, task: Record): boolean {
  if (mutexOwner(mutex) !== 0n) return false;
  mutex.set('owner', task.address);
  return true;
}

/** @throws {Error} when nobody holds it: the model has lost count. */
export function mutexUnlock(mutex: Record): void {
  if (mutexOwner(mutex) === 0n) throw new Error(`unlock of a free ${mutex.layout.name}`);
  mutex.set('owner', 0n);
}

/** Readers now inside; negative never. */
export function rwsemReaders(semaphore: Record): number {
  return Math.floor(semaphore.get('count') / READER);
}

export function rwsemWriteLocked(semaphore: Record): boolean {
  return (semaphore.get('count') & WRITER) !== 0;
}

export function rwsemTryRead(semaphore: Record): boolean {
  if (rwsemWriteLocked(semaphore)) return false;
  semaphore.add('count', READER);
  return true;
}

export function rwsemReadUnlock(semaphore: Record): void {
  if (rwsemReaders(semaphore) === 0) throw new Error(`${semaphore.layout.name}: no reader to release`);
  semaphore.add('count', -READER);
}

export function rwsemTryWrite(semaphore: Record, task: Record): boolean {
  if (semaphore.get('count') !== 0) return false;
  semaphore.set('count', WRITER);
  semaphore.set('owner', task.address);
  return true;
}

export function rwsemWriteUnlock(semaphore: Record): void {
  if (semaphore.get('count') !== WRITER) throw new Error(`${semaphore.layout.name}: no writer to release`);
  semaphore.set('count', 0);
  semaphore.set('owner', 0n);
}
