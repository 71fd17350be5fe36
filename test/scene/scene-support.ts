/** Bundled scenes, built, with what they leave behind and what the bundled programs tell of it. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { IoUring } from '../../kernel-model/io-uring/ring.ts';
import { taskContext } from '../../kernel-model/io-uring/task-context.ts';
import { UserQueue } from '../../kernel-model/io-uring/user-queue.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { type ParsedScene, parseScene } from '../../kernel-model/scene/index.ts';
import type { Task } from '../../kernel-model/task.ts';
import { openSession } from '../../session/open-session-node.ts';
import type { Session } from '../../session/session.ts';
import { KERNELS } from '../kernel-model/support.ts';
import { readEverything } from '../programs/support.ts';

/** A scene that has been built over a kernel. */
export class Built {
  readonly session: Session;
  readonly kernel: string;

  constructor(session: Session, kernel: string) {
    this.session = session;
    this.kernel = kernel;
  }

  get machine(): Machine {
    return this.session.machine;
  }

  /** The task that most scenes are about. */
  get task(): Task {
    return this.machine.tasks.get(100) as Task;
  }

  ring(fd: number, task = this.task): IoUring {
    const object = task.files?.get(fd)?.object;
    if (!(object instanceof IoUring)) throw new Error(`descriptor ${fd} is no ring`);
    return object;
  }

  /** Rings that the task has used, also those that it has no descriptor for. */
  get rings(): IoUring[] {
    return [...(taskContext(this.task)?.rings ?? [])];
  }

  /** Takes the completions there are: [user data, result]. */
  completions(fd: number): [number, number][] {
    const all = new UserQueue(this.ring(fd)).takeAll();
    return all.map(({ userData, result }) => [Number(userData), result]);
  }

  /** Output of a bundled program over everything that it can be attached to. */
  dump(program: string, readSize = 4096): string {
    return new TextDecoder().decode(readEverything(this.session, program, readSize));
  }

  /** Lines that ring_state has of every ring. */
  expectState(...lines: string[]): void {
    const all = this.dump('ring_state').split('\n');
    for (const line of lines) expect(all).toContain(line);
  }
}

/** The scenes of a folder below programs/scenes. */
export class SceneFolder {
  readonly names: readonly string[];
  private readonly folder: URL;

  constructor(name: string) {
    this.folder = new URL(`../../programs/scenes/${name}/`, import.meta.url);
    this.names = readdirSync(this.folder).sort();
  }

  parse(file: string): ParsedScene {
    return parseScene(readFileSync(new URL(file, this.folder), 'utf8'), file);
  }

  /** Kernels from the one on that a scene names. */
  kernelsOf(file: string): string[] {
    const { kernel } = this.parse(file).scene;
    return kernel === undefined ? KERNELS : KERNELS.slice(KERNELS.indexOf(kernel));
  }

  async build(file: string, kernel: string): Promise<Built> {
    return new Built(await openSession(this.parse(file), kernel), kernel);
  }
}
