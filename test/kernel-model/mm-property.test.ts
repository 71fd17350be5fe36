/** Any sequence of memory calls: what a task reads is what a page-by-page model of its memory says. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Machine } from '../../kernel-model/machine.ts';
import { Advice, MapFlag, Remap } from '../../kernel-model/memory-syscalls.ts';
import type { Mm } from '../../kernel-model/mm.ts';
import type { Task } from '../../kernel-model/task.ts';
import { Prot } from '../../kernel-model/vma.ts';
import { KERNELS, newMachine, PAGE } from './support.ts';

const BASE = 0x2000_0000;
/** Pages that the calls play with. */
const WINDOW = 12;

interface Page {
  prot: number;
  /** First byte; shared pages hold theirs in a cell that all who map it see. */
  cell: { value: number };
  shared: boolean;
}

/** Page index in the window -> what is mapped there. */
type Model = Map<number, Page>;

interface Actor {
  task: Task;
  model: Model;
}

interface Call {
  kind: 'map' | 'unmap' | 'protect' | 'write' | 'drop' | 'fork' | 'exit' | 'pin' | 'move';
  actor: number;
  page: number;
  pages: number;
  prot: number;
  shared: boolean;
  value: number;
}

const call: fc.Arbitrary<Call> = fc.record({
  kind: fc.constantFrom<Call['kind']>(
    'map',
    'map',
    'map',
    'unmap',
    'protect',
    'write',
    'write',
    'write',
    'drop',
    'fork',
    'exit',
    'pin',
    'move',
  ),
  actor: fc.nat(3),
  page: fc.nat(WINDOW - 1),
  pages: fc.integer({ min: 1, max: 5 }),
  prot: fc.constantFrom(Prot.None, Prot.Read, Prot.Read | Prot.Write),
  shared: fc.boolean(),
  value: fc.integer({ min: 1, max: 255 }),
});

class World {
  readonly machine: Machine;
  private readonly actors: Actor[] = [];
  private readonly pinned: number[] = [];

  constructor(machine: Machine) {
    this.machine = machine;
    this.actors.push({ task: machine.tasks.create(), model: new Map() });
  }

  run(step: Call): void {
    const actor = this.actors[step.actor % this.actors.length] as Actor;
    const pages = Math.min(step.pages, WINDOW - step.page);
    const range = Array.from({ length: pages }, (_, i) => step.page + i);
    this[step.kind](actor, range, step);
  }

  check(): void {
    for (const { task, model } of this.actors) {
      this.checkShape(task.mm as Mm, model);
      for (let page = 0; page < WINDOW; page++) this.checkPage(task.mm as Mm, model, page);
    }
  }

  finish(): void {
    for (const { task } of this.actors) this.machine.sys.exit_group(task, 0);
    for (const frame of this.pinned) this.machine.pages.unpin(frame);
    expect(this.machine.pages.used).toBe(0);
  }

  private map({ task, model }: Actor, range: number[], step: Call): void {
    const flags = MapFlag.Anonymous | MapFlag.Fixed | (step.shared ? MapFlag.Shared : MapFlag.Private);
    const size = range.length * PAGE;
    expect(this.machine.sys.mmap(task, at(range), size, step.prot, flags)).toBe(at(range));
    for (const page of range) model.set(page, { prot: step.prot, cell: { value: 0 }, shared: step.shared });
  }

  private unmap({ task, model }: Actor, range: number[]): void {
    expect(this.machine.sys.munmap(task, at(range), range.length * PAGE)).toBe(0);
    for (const page of range) model.delete(page);
  }

  private protect({ task, model }: Actor, range: number[], step: Call): void {
    const result = this.machine.sys.mprotect(task, at(range), range.length * PAGE, step.prot);
    const hole = range.findIndex((page) => !model.has(page));
    expect(result).toBe(hole < 0 ? 0 : -12);
    for (const page of hole < 0 ? range : range.slice(0, hole)) (model.get(page) as Page).prot = step.prot;
  }

  private write({ task, model }: Actor, range: number[], step: Call): void {
    const page = model.get(range[0] as number);
    const written = task.mm?.memory.write(at(range), new Uint8Array([step.value]));
    expect(written).toBe(page !== undefined && (page.prot & Prot.Write) !== 0);
    if (page && written) page.cell.value = step.value;
  }

  /** MADV_DONTNEED: private pages are zero again, shared ones keep their content. */
  private drop({ task, model }: Actor, range: number[]): void {
    this.machine.sys.madvise(task, at(range), range.length * PAGE, Advice.DontNeed);
    for (const page of range) {
      const found = model.get(page);
      if (found && !found.shared) found.cell = { value: 0 };
    }
  }

  private fork({ task, model }: Actor): void {
    if (this.actors.length > 3) return;
    const child = this.machine.tasks.get(this.machine.sys.fork(task)) as Task;
    const copy: Model = new Map();
    for (const [page, { prot, cell, shared }] of model) {
      copy.set(page, { prot, shared, cell: shared ? cell : { ...cell } });
    }
    this.actors.push({ task: child, model: copy });
  }

  private exit(actor: Actor): void {
    if (this.actors.length < 2) return;
    this.machine.sys.exit_group(actor.task, 0);
    this.actors.splice(this.actors.indexOf(actor), 1);
  }

  private pin({ task, model }: Actor, range: number[]): void {
    const frames = task.mm?.memory.pin(at(range), range.length * PAGE, true);
    const writable = range.every((page) => ((model.get(page)?.prot ?? 0) & Prot.Write) !== 0);
    expect(typeof frames === 'number').toBe(!writable);
    if (frames instanceof Int32Array) this.pinned.push(...frames);
  }

  /** One page to the other end of the window. */
  private move({ task, model }: Actor, range: number[]): void {
    const from = range[0] as number;
    const to = WINDOW - 1 - from;
    const flags = Remap.MayMove | Remap.Fixed;
    const moved = this.machine.sys.mremap(task, at([from]), PAGE, PAGE, flags, at([to]));
    const page = model.get(from);
    if (!page || from === to) {
      expect(moved).toBeLessThan(0);
      return;
    }
    expect(moved).toBe(at([to]));
    model.delete(from);
    model.set(to, page);
  }

  /** Ascending, disjoint, never two that should be one; the records count right. */
  private checkShape(mm: Mm, model: Model): void {
    let end = 0;
    for (const vma of mm.mappings) {
      expect(vma.start).toBeGreaterThanOrEqual(end);
      expect(vma.end).toBeGreaterThan(vma.start);
      end = vma.end;
    }
    expect(mm.record.get('total_vm')).toBe(model.size);
    expect(mm.record.get('map_count')).toBe(mm.mappings.length);
  }

  private checkPage(mm: Mm, model: Model, index: number): void {
    const page = model.get(index);
    const vma = mm.covering(at([index]));
    expect(vma === undefined).toBe(page === undefined);
    if (!page || !vma) return;
    expect(vma.flags & Prot.Mask).toBe(page.prot);
    const read = mm.memory.read(at([index]), 1);
    expect(read?.[0]).toBe(page.prot === Prot.None ? undefined : page.cell.value);
  }
}

function at(range: readonly number[]): number {
  return BASE + (range[0] as number) * PAGE;
}

test.each(KERNELS)('memory calls in any order on %s', { timeout: 60_000 }, async (kernel) => {
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 60 }), async (calls) => {
      const world = new World(await newMachine(kernel));
      for (const step of calls) {
        world.run(step);
        world.check();
      }
      world.finish();
    }),
    { seed: 7, numRuns: 60 },
  );
});
