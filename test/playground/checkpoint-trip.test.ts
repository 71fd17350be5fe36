/** The checkpoint view's side of a worker: dump, images, restore, and what is said of each item. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CHECKPOINT_OBJECTS } from '../../checkpoint/dump/programs.ts';
import { readImages } from '../../checkpoint/image/directory.ts';
import { MANIFEST } from '../../checkpoint/image/manifest.ts';
import { checkpointObject } from '../../checkpoint/objects-node.ts';
import { parseScene } from '../../kernel-model/scene/index.ts';
import { archive } from '../../playground/checkpoint/archive.ts';
import { hexLines, imageText } from '../../playground/checkpoint/image-text.ts';
import type { Stage, Trip } from '../../playground/checkpoint/protocol.ts';
import { roundTrip } from '../../playground/checkpoint/trip.ts';
import { openSession } from '../../session/open-session-node.ts';

const objects = new Map(CHECKPOINT_OBJECTS.map((name) => [name as string, checkpointObject(name)]));
const scenes = new URL('../../programs/scenes/', import.meta.url);

async function trip(scene: string, drop: readonly number[] = [], kernel = '6.12') {
  const stages: Stage[] = [];
  const made = await roundTrip(parseScene(readFileSync(new URL(scene, scenes), 'utf8'), scene), drop, {
    open: (parsed) => openSession(parsed, kernel),
    source: (name) => objects.get(name) as Uint8Array,
    begin: (stage) => void stages.push(stage),
  });
  return { made, stages };
}

const statusOf = ({ items }: Trip, id: number) => items.find((item) => item.id === id)?.status;

describe('a round trip', () => {
  it('loses nothing of the scene that is made for it', async () => {
    const { made, stages } = await trip('checkpoint.yaml');
    expect(stages).toEqual(['build', 'dump', 'images', 'restore']);
    expect(made.refusals).toEqual([]);
    expect(made.restored).toMatchObject({ equal: true, world: [] });
    expect(made.restored?.calls.length).toBeGreaterThan(50);
    expect(made.dumped.summary).toBe('1 task, 2 rings, 4 files, 1 mapping');
    expect(made.dumped.rings[1]).toMatchObject({ flags: ['SQPOLL', 'SQ_AFF', 'CQSIZE', 'ATTACH_WQ'] });
    expect([1, 5, 53].map((id) => statusOf(made, id))).toEqual(['equal', 'caveat', 'equal']);
    expect(made.items).toHaveLength(86);
  });

  it('can be sent to the page', async () => {
    const { made } = await trip('checkpoint.yaml');
    expect(structuredClone(made)).toEqual(made);
  });

  it('gives images that a restore takes from a disk', async () => {
    const { made } = await trip('checkpoint.yaml');
    const folder = mkdtempSync(join(tmpdir(), 'drydock-trip-'));
    try {
      for (const { name, bytes } of await archive(made.images ?? []))
        writeFileSync(join(folder, name), bytes);
      const read = readImages(folder);
      expect([...read.keys()].sort()).toEqual(made.images?.map(({ name }) => name));
      expect(read.has(MANIFEST)).toBe(false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('shows every image', async () => {
    const { made } = await trip('checkpoint.yaml');
    const all = new Map(made.images?.map(({ name, bytes }) => [name, bytes]));
    for (const name of all.keys()) expect(() => imageText(all, name, true)).not.toThrow();
    expect(imageText(all, 'io_uring.img', true).join('\n')).toContain('SQPOLL | SQ_AFF | CQSIZE');
  });

  it('is refused with the item and the reason, and goes on without what may be lost', async () => {
    const { made, stages } = await trip('acceptance/direct-only-slots.yaml');
    expect(stages).toEqual(['build', 'dump']);
    expect(made.refusals).toMatchObject([{ item: 52 }]);
    expect(made.images).toBeUndefined();
    expect(statusOf(made, 52)).toBe('refused');
    const allowed = (await trip('acceptance/direct-only-slots.yaml', [52])).made;
    expect(allowed.dropped).toMatchObject([{ item: 52 }]);
    expect(statusOf(allowed, 52)).toBe('dropped');
    expect(allowed.images ?? allowed.failure).toBeDefined();
  });

  it('says where a scene cannot be built', async () => {
    const scene = parseScene('tasks: [{ pid: 1000, comm: a }, { pid: 1000, comm: b }]', 'twice.yaml');
    const tools = {
      open: () => openSession(scene, '6.12'),
      source: (name: string) => objects.get(name) as Uint8Array,
      begin: () => {},
    };
    await expect(roundTrip(scene, [], tools)).rejects.toMatchObject({ line: 1 });
  });
});

describe('bytes as text', () => {
  it('leaves out zeros', () => {
    const bytes = new Uint8Array(80);
    bytes.set(new TextEncoder().encode('drydock'));
    expect(hexLines(bytes)).toEqual([
      `00000000  64 72 79 64 6f 63 6b${' 00'.repeat(9)}  drydock.........`,
      `00000010  ${'00 '.repeat(16)} ................`,
      '*',
    ]);
  });
});
