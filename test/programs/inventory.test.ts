/** What the inventory says is shown is really read: each piece of state is changed, and the dump changes with it. */
import { describe, expect, it } from 'vitest';
import items from '../../kernel-model/inventory/items.json' with { type: 'json' };
import type { Session } from '../../session/session.ts';
import { CHANGES, CHECKPOINT, changedSession, has, scene, UNCHANGED } from './inventory-changes.ts';
import { checkpointText, KERNELS, readEverything, sessionOf } from './support.ts';

describe.each(KERNELS)('on %s', (kernel) => {
  it.each(CHANGES.filter(({ since }) => has(kernel, since)))(
    'item $item is read by $program: $after',
    async (change) => {
      const look = (session: Session) =>
        change.program === CHECKPOINT
          ? checkpointText(session)
          : new TextDecoder().decode(readEverything(session, change.program, 32_768));
      const { task, events, before: ring = '' } = change;
      const before = look(await sessionOf(scene(ring, task?.[0] ?? '', events), kernel));
      const after = look(await changedSession(change, kernel));
      expect(after).not.toBe(before);
      if (!change.shows) return;
      expect(after).toMatch(change.shows);
      expect(before).not.toMatch(change.shows);
    },
  );
});

describe('the inventory', () => {
  it('has every item once, in four classes', () => {
    expect(items.map(({ id }) => id)).toEqual(Array.from({ length: 86 }, (_, i) => i + 1));
    const count = (name: string) => items.filter((item) => item.class === name).length;
    expect([count('R'), count('r'), count('D'), count('N')]).toEqual([33, 30, 16, 7]);
  });

  it('says of what was changed here that it is shown', () => {
    for (const { item } of CHANGES) expect(items[item - 1]?.shown, `item ${item}`).not.toBeNull();
  });

  it('has everything that it says is shown changed here, or a reason why not', () => {
    const changed = new Set(CHANGES.map(({ item }) => item));
    const shown = items.filter(({ shown }) => shown !== null).map(({ id }) => id);
    const unchanged = shown.filter((id) => !changed.has(id));
    expect(unchanged).toEqual(Object.keys(UNCHANGED).map(Number));
  });

  it('shows the features of each kernel, and the inode of each ring', async () => {
    const features = KERNELS.map(
      async (kernel) => (await sessionOf('', kernel)).machine.profile.dialect.features,
    );
    expect(new Set(await Promise.all(features)).size).toBe(3);
    const session = await sessionOf(scene('entries: 8\n      - fd: 8', ''));
    const [first, second] = session.world.rings().map(({ file }) => file.inode.ino);
    expect(first).not.toBe(second);
  });
});
