import { expect, test } from 'vitest';
import { MapFlag } from '../../kernel-model/memory-syscalls.ts';
import type { Mm } from '../../kernel-model/mm.ts';
import { Rlimit } from '../../kernel-model/task.ts';
import { Prot } from '../../kernel-model/vma.ts';
import { newMachine, PAGE } from './support.ts';

const MILLION = 1_000_000;
const FLAGS = MapFlag.Private | MapFlag.Anonymous | MapFlag.Populate;

/** Milliseconds; generous, for a busy machine. What is asserted is that nothing grows faster than its input. */
const SECONDS = 20_000;

test('a million pages are populated, pinned and released', { timeout: SECONDS }, async () => {
  const machine = await newMachine('6.12');
  const task = machine.tasks.create();
  const mm = task.mm as Mm;
  const at = machine.sys.mmap(task, 0, MILLION * PAGE, Prot.Read | Prot.Write, FLAGS);
  expect(machine.pages.used).toBe(MILLION);
  const frames = mm.memory.pin(at, MILLION * PAGE, true) as Int32Array;
  expect(frames).toHaveLength(MILLION);
  machine.sys.munmap(task, at, MILLION * PAGE);
  expect(machine.pages.used).toBe(MILLION);
  for (const frame of frames) machine.pages.unpin(frame);
  expect(machine.pages.used).toBe(0);
  // struct page records are all that pages without content cost.
  expect(machine.ram.buffer.byteLength).toBeLessThan(160 << 20);
});

test('32,768 open files', { timeout: SECONDS }, async () => {
  const machine = await newMachine('6.12');
  const task = machine.tasks.create();
  task.group.setLimit(Rlimit.NoFile, 40_000);
  for (let i = 0; i < 32_768; i++) expect(machine.sys.eventfd2(task, 0, 0)).toBe(i);
  expect(task.files?.maxFds).toBe(32_768);
  const objects = machine.heap.objects;
  machine.sys.exit_group(task, 0);
  expect(objects - machine.heap.objects).toBeGreaterThan(3 * 32_768);
});

test('16,384 mappings', { timeout: SECONDS }, async () => {
  const machine = await newMachine('5.16+series');
  const task = machine.tasks.create();
  for (let i = 0; i < 16_384; i++) {
    const prot = i % 2 === 0 ? Prot.Read | Prot.Write : Prot.Read;
    machine.sys.mmap(task, 0, PAGE, prot, MapFlag.Private | MapFlag.Anonymous);
  }
  expect(task.mm?.mappings).toHaveLength(16_384);
  machine.sys.exit_group(task, 0);
});
