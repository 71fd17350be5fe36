/** Files of a task, and what its epoll instances watch. */

import { deviceAt } from '../devices.ts';
import { EpollOp, epollCreate1, epollCtl } from '../epoll-ctl.ts';
import { Open } from '../file.ts';
import { Fcntl, Seek } from '../file-syscalls.ts';
import { FileType } from '../inode.ts';
import type { Task } from '../task.ts';
import type { Builder } from './builder.ts';
import { EPOLL_EVENTS, flagBits, OPEN_FLAGS } from './flags.ts';
import type { FileSpec, Quantity, WatchSpec } from './scene.ts';
import type { ScenePath } from './scene-error.ts';
import type { Scope } from './scope.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const EFD_SEMAPHORE = 1;
const FD_CLOEXEC = 1;
export class FileBuilder {
  private readonly builder: Builder;
  private readonly task: Task;

  constructor(builder: Builder, task: Task) {
    this.builder = builder;
    this.task = task;
  }

  add(spec: FileSpec, path: ScenePath): void {
    this.builder.scopeOf(this.task).repeat(spec, path, (scope) => {
      if (spec.pipe || spec.socketpair) this.addPair(spec, path, scope);
      else this.addOne(spec, path, scope);
    });
  }

  /** What an epoll instance watches; after all files and rings of the task. */
  watch(spec: FileSpec, path: ScenePath): void {
    if (!spec.epoll || spec.epoll.length === 0) return;
    this.builder.scopeOf(this.task).repeat(spec, path, (scope) => {
      const epfd = this.epollFd(spec, path, scope);
      for (const [index, item] of (spec.epoll ?? []).entries()) {
        const at = [...path, 'epoll', index];
        scope.repeat(item, at, (inner) => this.watchOne(epfd, item, at, inner));
      }
    });
  }

  private addOne(spec: FileSpec, path: ScenePath, scope: Scope): void {
    if (Array.isArray(spec.fd))
      throw scope.error([...path, 'fd'], 'only a pipe or socketpair has two descriptors');
    const opened = this.open(spec, path, scope);
    const fd = this.builder.place(this.task, opened, spec.fd, [...path, 'fd'], scope);
    if (spec.open === undefined) this.setFlags(fd, spec, path);
    if (spec.pos === undefined) return;
    const at = [...path, 'pos'];
    const { sys } = this.builder.machine;
    this.builder.done('lseek', this.task, sys.lseek(this.task, fd, scope.size(spec.pos, at), Seek.Set), at);
  }

  /** Flags of what was not opened by a path, as fcntl sets them. */
  private setFlags(fd: number, spec: FileSpec, path: ScenePath): void {
    if (!spec.flags) return;
    const { builder, task } = this;
    const { sys } = builder.machine;
    const flags = flagBits(spec.flags, OPEN_FLAGS);
    const at = [...path, 'flags'];
    builder.done('fcntl', task, sys.fcntl(task, fd, Fcntl.SetFl, flags), at);
    if ((flags & Open.CloExec) !== 0)
      builder.done('fcntl', task, sys.fcntl(task, fd, Fcntl.SetFd, FD_CLOEXEC), at);
  }

  private open(spec: FileSpec, path: ScenePath, scope: Scope): number {
    const { builder, task } = this;
    const { sys } = builder.machine;
    if (spec.open !== undefined) return this.openPath(spec, spec.open, path, scope);
    if (spec.dup !== undefined) {
      const at = [...path, 'dup'];
      return builder.done('dup', task, sys.dup(task, scope.int(spec.dup, at)), at);
    }
    if (spec.eventfd !== undefined) {
      const count = scope.uint32(spec.eventfd, [...path, 'eventfd']);
      const flags = spec.semaphore ? EFD_SEMAPHORE : 0;
      return builder.done('eventfd', task, sys.eventfd2(task, count, flags), path);
    }
    if (spec.memfd !== undefined) {
      const name = scope.text(spec.memfd, [...path, 'memfd']);
      const fd = builder.done('memfd_create', task, sys.memfd_create(task, name, 0), path);
      this.resize(fd, spec, path, scope);
      return fd;
    }
    return builder.done('epoll_create', task, epollCreate1(builder.machine, task), path);
  }

  private openPath(spec: FileSpec, template: string, path: ScenePath, scope: Scope): number {
    const { builder, task } = this;
    const { sys } = builder.machine;
    const name = scope.text(template, [...path, 'open']);
    builder.at(path, () => this.makeDevice(name));
    this.makeDirectories(name, path);
    const flags = spec.flags ? flagBits(spec.flags, OPEN_FLAGS) : Open.RdWr;
    const fd = builder.done('open', task, sys.open(task, name, flags | Open.Creat), path);
    this.resize(fd, spec, path, scope);
    if (spec.deleted) builder.done('open', task, sys.unlink(task, name), path);
    return fd;
  }

  private makeDevice(name: string): void {
    const { vfs } = this.builder.machine;
    const device = deviceAt(name);
    if (!device || typeof vfs.lookup(name) !== 'number') return;
    vfs.create({
      path: name,
      type: FileType.CharDevice,
      mode: 0o666,
      ops: device.ops,
      device: device.number,
    });
  }

  private makeDirectories(name: string, path: ScenePath): void {
    const { builder, task } = this;
    const { sys, vfs } = builder.machine;
    for (let slash = name.indexOf('/', 1); slash > 0; slash = name.indexOf('/', slash + 1)) {
      const directory = name.slice(0, slash);
      if (typeof vfs.lookup(directory) === 'number') {
        builder.done('open', task, sys.mkdir(task, directory), [...path, 'open']);
      }
    }
  }

  private resize(fd: number, spec: FileSpec, path: ScenePath, scope: Scope): void {
    if (spec.size === undefined) return;
    const at = [...path, 'size'];
    const { sys } = this.builder.machine;
    this.builder.done('open', this.task, sys.ftruncate(this.task, fd, scope.size(spec.size, at)), at);
  }

  private addPair(spec: FileSpec, path: ScenePath, scope: Scope): void {
    const { builder, task } = this;
    const { sys } = builder.machine;
    const at = [...path, 'fd'];
    if (spec.fd !== undefined && !Array.isArray(spec.fd))
      throw scope.error(at, 'needs two descriptors: [3, 4]');
    const pair = spec.pipe ? sys.pipe2(task, 0) : sys.socketpair(task, AF_UNIX, SOCK_STREAM);
    if (typeof pair === 'number') {
      builder.done(spec.pipe ? 'pipe' : 'socketpair', task, pair, path);
      return;
    }
    const ends = spec.fd ? this.placePair(pair, spec.fd, at, scope) : pair;
    for (const fd of ends) this.setFlags(fd, spec, path);
  }

  /** Each end may stand where the other one is to go, so both are lifted first. */
  private placePair(
    pair: [number, number],
    wanted: [Quantity, Quantity],
    path: ScenePath,
    scope: Scope,
  ): number[] {
    const { builder, task } = this;
    const files = pair.map((fd) => task.files?.remove(fd));
    return files.map((file, index) => {
      const at = [...path, index];
      const target = builder.freeFd(task, scope.int(wanted[index] as Quantity, at), at);
      if (file) task.files?.install(target, file);
      return target;
    });
  }

  private epollFd(spec: FileSpec, path: ScenePath, scope: Scope): number {
    if (spec.fd !== undefined && !Array.isArray(spec.fd)) return scope.int(spec.fd, [...path, 'fd']);
    throw scope.error(path, 'an epoll instance that watches something needs a descriptor: fd');
  }

  /** Has an epoll instance watch one file. */
  watchOne(epfd: number, item: WatchSpec, path: ScenePath, scope: Scope): void {
    const fd = scope.int(item.fd, [...path, 'fd']);
    const events = flagBits(item.events ?? ['IN'], EPOLL_EVENTS);
    const data =
      item.data === undefined ? BigInt.asUintN(64, BigInt(fd)) : scope.uint64(item.data, [...path, 'data']);
    const result = epollCtl(this.task, epfd, EpollOp.Add, fd, { events, data });
    this.builder.done('epoll_ctl', this.task, result, path);
  }
}
