/** io_uring_setup for every ring, as who made it, with the ring that shares its thread made first. */
import { Capability } from '../../../kernel-model/cred.ts';
import { Open } from '../../../kernel-model/file.ts';
import { Fcntl } from '../../../kernel-model/file-syscalls.ts';
import type { RingOffsets } from '../../../kernel-model/io-uring/ring-memory.ts';
import { ioUringSetup, type SetupParams } from '../../../kernel-model/io-uring/setup.ts';
import { Setup } from '../../../kernel-model/io-uring/uapi.ts';
import type { Task } from '../../../kernel-model/task.ts';
import { Clone } from '../../../kernel-model/task-table.ts';
import type { CredState } from '../../state.ts';
import { hex } from '../calls.ts';
import { mmNode } from '../memory.ts';
import { taskNode } from '../tasks.ts';
import { areaSizes } from './queues.ts';
import { type RingRestore, ringNode } from './ring.ts';

const THREAD = Clone.Vm | Clone.Fs | Clone.Files | Clone.Sighand | Clone.Thread;
const IPC_LOCK = 1n << BigInt(Capability.IpcLock);
/** O_* that fcntl changes. */
const CHANGEABLE = Open.NonBlock | Open.Append | Open.Async | Open.Direct | Open.NoAtime;

export function addSetup(ring: RingRestore, owner: number | undefined): void {
  const { world, index, state } = ring;
  // New threads take ids that no task is waiting for any more.
  const after = world.state.tasks.map(({ tid }) => taskNode(tid));
  if (ring.has(Setup.NoMmap) && state.mm !== undefined) after.push(mmNode(state.mm));
  if (owner !== undefined) after.push(ringNode(owner, 'setup'));
  world.graph.add(ringNode(index, 'setup'), after, () => setup(ring, owner));
}

function setup(ring: RingRestore, owner: number | undefined): void {
  const { world, state } = ring;
  const { calls } = world;
  const { restorer } = calls;
  clearUserAreas(ring);
  const { creator, cred } = creatorOf(ring);
  const create = (thread: Task): void => {
    const fd = withAttached(ring, thread, owner, (wqFd) => call(ring, thread, wqFd));
    // The restorer keeps it for all others.
    const own = world.borrow(restorer, { task: thread, fd });
    world.close(thread, fd);
    world.setHome(state.file, { task: restorer, fd: own });
    world.onEnd(() => world.close(restorer, own));
  };
  if (cred) world.withCred(creator, cred, create);
  else inThread(ring, creator, create);
  setStatus(ring);
}

/** A ring to attach to, where one is wanted; without a thread to share any ring will do. */
function withAttached<T>(
  ring: RingRestore,
  thread: Task,
  owner: number | undefined,
  use: (wqFd: number | undefined) => T,
): T {
  const { world } = ring;
  const { calls } = world;
  const file = owner === undefined ? undefined : world.state.rings[owner]?.file;
  // The thread may take nothing from others any more; its process still may.
  if (file !== undefined) return world.withFile(ring.user, file, use);
  if (!ring.has(Setup.AttachWq) || ring.has(Setup.SqPoll)) return use(undefined);
  const helper = ioUringSetup(calls.machine, thread, 1, {});
  const fd = calls.done(thread, 'io_uring_setup', [1], typeof helper === 'number' ? helper : helper.fd);
  const result = use(fd);
  world.close(thread, fd);
  return result;
}

/** A thread of its own leaves no trace in who it belongs to: io_uring keeps notes for whoever makes a ring. */
export function inThread(ring: RingRestore, task: Task, use: (thread: Task) => void): void {
  const { calls } = ring.world;
  const { sys } = calls.machine;
  const tid = calls.done(task, 'clone', ['CLONE_THREAD'], sys.clone(task, THREAD));
  const thread = ring.world.task(tid);
  use(thread);
  calls.note(thread, 'exit', [0], sys.exit(thread, 0));
}

/** Who pays for pages follows from the capabilities at this moment, and so does whom the thread acts for. */
function creatorOf(ring: RingRestore): { creator: Task; cred: CredState | undefined } {
  const { world, state } = ring;
  const { cred, payer } = state.setup;
  const creator = ring.user;
  const own = cred === undefined ? undefined : world.state.creds[cred];
  if (own) {
    const pays = (own.effective & IPC_LOCK) === 0n ? own.uid : undefined;
    if (pays !== payer) ring.refuse(47, `who pays for its pages is not who its thread acts for`);
    return { creator, cred: own };
  }
  if (payer === undefined) return { creator, cred: undefined };
  const poor = world.state.creds.find((each) => each.uid === payer && (each.effective & IPC_LOCK) === 0n);
  return { creator, cred: poor ?? nobodyElse(payer) };
}

/** A user without any right. */
function nobodyElse(uid: number): CredState {
  const ids = { uid, euid: uid, suid: uid, fsuid: uid, gid: 0, egid: 0, sgid: 0, fsgid: 0 };
  const sets = { inheritable: 0n, permitted: 0n, effective: 0n, bounding: 0n, ambient: 0n };
  return { ...ids, ...sets, securebits: 0, groups: [] };
}

function call(ring: RingRestore, thread: Task, wqFd: number | undefined): number {
  const { world, state } = ring;
  const { calls } = world;
  const { setup: wanted } = state;
  const flags = flagsOf(ring, wqFd !== undefined);
  const params: SetupParams = {
    flags,
    cqEntries: wanted.cqEntries,
    sqThreadIdle: wanted.idle,
    ...(wanted.cpu === undefined ? {} : { sqThreadCpu: wanted.cpu }),
    ...(wqFd === undefined ? {} : { wqFd }),
    ...(wanted.compat ? { compat: true } : {}),
    ...(wanted.userAreas
      ? { cqUserAddress: BigInt(wanted.userAreas.rings), sqUserAddress: BigInt(wanted.userAreas.sqes) }
      : {}),
  };
  const result = ioUringSetup(calls.machine, thread, wanted.sqEntries, params);
  const shown = [wanted.sqEntries, `flags ${hex(flags)}`, `cq_entries ${wanted.cqEntries}`];
  if (wanted.thread !== undefined) shown.push(`sq_thread_idle ${wanted.idle}`);
  if (wqFd !== undefined) shown.push(`wq_fd ${wqFd}`);
  if (wanted.compat) shown.push('by int 0x80');
  const fd = calls.done(thread, 'io_uring_setup', shown, typeof result === 'number' ? result : result.fd);
  if (typeof result === 'number') return fd;
  if (result.cqEntries !== wanted.cqEntries)
    ring.refuse(2, `${wanted.cqEntries} completion entries cannot be had with its flags`);
  compareOffsets(ring, result.offsets);
  return fd;
}

function flagsOf(ring: RingRestore, attaches: boolean): number {
  const { setup } = ring.state;
  let flags = setup.flags;
  if (ring.isEnabledLater) flags |= Setup.Disabled;
  // Who made the thread is gone: another of those that shared it makes it now.
  if (ring.has(Setup.AttachWq) && !attaches) flags &= ~Setup.AttachWq;
  return flags;
}

/** The application has these numbers in its memory, so the kernel must have the same layout. */
function compareOffsets(ring: RingRestore, offsets: RingOffsets): void {
  for (const [half, members] of Object.entries(offsets)) {
    for (const [name, offset] of Object.entries(members)) {
      const wanted = ring.state.setup.offsets[`${half}.${name}`];
      if (wanted !== undefined && wanted !== offset)
        ring.refuse(
          10,
          `this kernel has ${half}.${name} at ${offset}, where the application expects it at ${wanted}`,
        );
    }
  }
}

/** The kernel takes over counters that it finds in user memory. */
function clearUserAreas(ring: RingRestore): void {
  const { userAreas } = ring.state.setup;
  if (!ring.has(Setup.NoMmap)) return;
  if (!userAreas) ring.refuse(13, 'nothing says where in user memory it stands');
  const sizes = areaSizes(ring);
  for (const area of ['rings', 'sqes'] as const)
    ring.world.writeMemory(ring.user.pid, userAreas[area], new Uint8Array(sizes[area]));
}

function setStatus(ring: RingRestore): void {
  const { world, state } = ring;
  const { calls } = world;
  const wanted = (world.state.files[state.file]?.flags ?? 0) & CHANGEABLE;
  if (wanted === 0) return;
  const { task, fd } = world.home(state.file);
  const result = calls.machine.sys.fcntl(task, fd, Fcntl.SetFl, wanted);
  calls.done(task, 'fcntl', [fd, 'F_SETFL', hex(wanted)], result);
}
