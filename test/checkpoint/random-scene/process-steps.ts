/** Processes to begin with, and what they do to themselves. */
import type { TaskSpec } from '../../../kernel-model/scene/index.ts';
import { living, ringsOf, type View } from './look.ts';
import type { Random } from './random.ts';
import type { Step } from './step.ts';

const MAX_PROCESSES = 5;
const UIDS = [0, 0, 1000, 1000, 1001];

export function randomTasks(random: Random): TaskSpec[] {
  return random.times(random.between(1, 3), (index) => randomTask(random, 100 * (index + 1)));
}

function randomTask(random: Random, pid: number): TaskSpec {
  const uid = random.pick(UIDS);
  const spec: TaskSpec = { pid, comm: random.pick(['server', 'worker', 'a long name for']), uid };
  if (pid > 100 && random.percent(60)) spec.parent = 100 * random.between(1, pid / 100 - 1);
  if (random.percent(30)) spec.gid = random.pick([0, 100, 2000]);
  if (random.percent(15)) spec.euid = random.pick(UIDS);
  if (random.percent(10)) spec.sgid = 7;
  if (random.percent(20)) spec.groups = random.times(random.between(1, 4), (i) => 10 * i + random.below(10));
  if (uid !== 0 && random.percent(30))
    spec.capabilities = random.subset(['CAP_IPC_LOCK', 'CAP_SYS_NICE', 'CAP_SETUID', 'CAP_SYS_ADMIN'], 50);
  const memlock = random.pick(['8M', '8M', 'unlimited', '1M', '64K']);
  spec.rlimits = random.percent(20) ? { memlock, nofile: random.pick([128, 256, 4096]) } : { memlock };
  const threads = random.pick([0, 0, 0, 1, 2]);
  spec.threads = random.times(threads, (i) =>
    random.percent(50) ? { tid: pid + 1 + i } : { tid: pid + 1 + i, comm: `thread ${i}` },
  );
  return spec;
}

export function forkStep({ random, session, task }: View): Step | undefined {
  const processes = living(session).filter(({ isLeader }) => isLeader);
  if (processes.length >= MAX_PROCESSES || !task.isLeader) return undefined;
  const pid = 10 * random.between(40, 99);
  return { task: task.pid, fork: random.percent(50) ? { pid } : { pid, comm: `child ${pid}` } };
}

/** The last process stays. */
export function exitStep({ random, session, task }: View): Step | undefined {
  const processes = living(session).filter(({ isLeader }) => isLeader);
  if (!task.isLeader || random.percent(20)) return { task: task.pid, exit: 'thread' };
  return processes.length > 1 ? { task: task.pid, exit: true } : undefined;
}

export function credStep({ random, task }: View): Step {
  const id = () => random.pick(UIDS);
  return random.weighted<() => Step>([
    [2, () => ({ task: task.pid, call: 'setresuid', args: [id(), id(), id()] })],
    [2, () => ({ task: task.pid, call: 'setresgid', args: [id(), id(), id()] })],
    [1, () => ({ task: task.pid, call: 'setgroups', args: random.times(random.below(4), id) })],
    [1, () => ({ task: task.pid, call: 'memlock', args: [1 << random.between(15, 23), 1 << 23] })],
  ])();
}

export function waitStep({ random, task }: View): Step {
  return { task: task.pid, wait: random.pick([1, 4, 20, 100, 1500]) };
}

/** Who waits for completions does nothing else any more. */
export function awaitStep({ random, task }: View): Step | undefined {
  const open = random.some(ringsOf(task));
  if (!open) return undefined;
  const { available } = open.ring.completions;
  return { task: task.pid, call: 'await', args: [open.fd, available + random.between(1, 3)] };
}
