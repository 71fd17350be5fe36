/** Gives a task credentials to the last bit, starting from those of a task that may do everything. */
import type { Task } from '../../kernel-model/task.ts';
import type { CredState } from '../state.ts';
import type { Calls } from './calls.ts';

export function becomeCred(calls: Calls, task: Task, cred: CredState): void {
  calls.fail(`credentials of user ${cred.uid} for task ${task.pid}`);
}
