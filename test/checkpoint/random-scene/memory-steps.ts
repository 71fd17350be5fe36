/** Mappings, and what is done to parts of them. */

import { Advice } from '../../../kernel-model/memory-syscalls.ts';
import type { MappingSpec } from '../../../kernel-model/scene/index.ts';
import { Prot } from '../../../kernel-model/vma.ts';
import {
  fdsOf,
  isHuge,
  memoryOf,
  PAGE,
  ringMemoryOf,
  ringsOf,
  somePages,
  somePlace,
  type View,
} from './look.ts';
import type { Step } from './step.ts';

/** Where mappings with an address of their own go, so that they meet now and then. */
const AREA = 0x7f00_0000_0000;
const AREA_PAGES = 64;
const HUGE = 1 << 21;
const PROTS = ['rw', 'rw', 'rw', 'rw', 'r', 'rwx', 'rx'];
/** Offsets for mmap(2) of a ring, one area for each. */
const SQ_RING = 0;
const SQES = 0x1000_0000;
const GROUP = 0x8000_0000;

export function mapStep({ random, task }: View): Step {
  const file = random.some(fdsOf(task, 'regular'));
  const kind = random.weighted<NonNullable<MappingSpec['kind']>>([
    [6, 'anon'],
    [5, 'shared'],
    [file === undefined ? 0 : 2, 'file'],
    [file === undefined ? 0 : 1, 'file_private'],
  ]);
  const isFile = kind === 'file' || kind === 'file_private';
  const pages = isFile ? random.between(1, 4) : random.pick([1, 2, 4, 16]);
  const map: MappingSpec = { length: pages * PAGE, ...(kind === 'anon' ? {} : { kind }) };
  if (isFile && file !== undefined) Object.assign(map, { fd: file, offset: PAGE * random.below(3) });
  if (random.percent(60)) map.address = AREA + PAGE * random.below(AREA_PAGES);
  if (random.percent(30)) map.prot = random.pick(PROTS);
  if (!map.prot && !isFile && random.percent(70))
    map.content = [{ at: PAGE * random.below(pages), text: `memory ${random.below(1000)}` }];
  return { task: task.pid, map };
}

/** Seldom: each huge page is 512 small ones to look at. */
export function mapHugeStep({ random, task }: View): Step | undefined {
  if (memoryOf(task).some(isHuge)) return undefined;
  const map: MappingSpec = { length: HUGE, kind: 'huge', address: AREA + 0x4000_0000 };
  if (random.percent(50)) map.content = [{ at: 8192, text: 'huge' }];
  return { task: task.pid, map };
}

export function writeStep(view: View): Step | undefined {
  const { random, task } = view;
  const place = somePlace(view);
  if (!place) return undefined;
  return {
    task: task.pid,
    write: {
      address: place.address,
      fill: random.below(256),
      length: random.percent(80) ? place.length : PAGE,
    },
  };
}

export function punchStep(view: View): Step | undefined {
  const { random, task } = view;
  const rings = random.some(ringMemoryOf(task));
  if (rings && random.percent(5))
    return { task: task.pid, unmap: { address: rings.start, length: random.between(1, 4) * PAGE } };
  const pages = somePages(view);
  if (!pages) return undefined;
  const { address, length } = pages;
  const to = AREA + PAGE * random.below(AREA_PAGES);
  return random.weighted<Step>([
    [4, { task: task.pid, unmap: pages }],
    [4, { task: task.pid, dontneed: pages }],
    [
      2,
      {
        task: task.pid,
        call: 'mprotect',
        args: [address, length, random.pick([Prot.Read, Prot.Read | Prot.Write, 0])],
      },
    ],
    [
      1,
      {
        task: task.pid,
        call: 'madvise',
        args: [address, length, random.pick([Advice.DontFork, Advice.Remove])],
      },
    ],
    [2, { task: task.pid, call: 'mremap', args: [address, length, length, to] }],
  ]);
}

/** An area of a ring, or a group of buffers of it. */
export function mapRingStep({ random, task }: View): Step | undefined {
  const open = random.some(ringsOf(task));
  if (!open) return undefined;
  const offset = random.pick([SQ_RING, SQES, GROUP + (random.between(0, 3) << 16)]);
  const map: MappingSpec = { length: PAGE * random.pick([1, 1, 1, 2]), kind: 'file', fd: open.fd, offset };
  return { task: task.pid, map: random.percent(20) ? { ...map, prot: 'r' } : map };
}
