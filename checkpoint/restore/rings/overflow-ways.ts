/** How completions can be posted that are not to be written into the queue: whose they are, and by which operation. */
import type { OverflowEntry } from '../../state.ts';
import type { RingOnKernel } from './on-kernel.ts';
import { entryWithResult } from './results.ts';

/** 6.0: IORING_OP_MSG_RING. 6.3: it passes flags. */
const MESSAGE_VERSION = 0x6_0000;
const FLAGS_VERSION = 0x6_0300;
export type Extra = Pick<OverflowEntry, 'userData' | 'result' | 'flags'>;

/** How a ring can be given one; undefined when it cannot. */
export function wayOf(ring: RingOnKernel, extra: Extra): 'message' | 'tag' | undefined {
  const { versionCode } = ring;
  if (versionCode >= MESSAGE_VERSION && !ring.staysDisabled)
    return extra.flags === 0 || versionCode >= FLAGS_VERSION ? 'message' : undefined;
  return extra.userData !== 0n && extra.result === 0 && extra.flags === 0 ? 'tag' : undefined;
}

/** One whose content does not matter: it is written over. */
export const ANY_EXTRA: Extra = { userData: 1n, result: 0, flags: 0 };

/** How each entry of the overflow list comes there. */
export type OverflowWay = 'own' | 'extra';

/** Which completions of the overflow list are to be the ring's own, so that the extra ones come out right. */
export function overflowWays(ring: RingOnKernel, extra: number): OverflowWay[] {
  const { overflow } = ring.state.queues;
  const can = overflow.map((entry) => {
    const plain = !entry.extra?.some((word) => word !== 0n);
    const own = plain && !ring.staysDisabled && entryWithResult(ring, entry) !== undefined;
    const other = plain && canComeLate(ring, wayOf(ring, entry));
    if (!own && !other)
      ring.refuse(
        34,
        `nothing on this kernel posts result ${entry.result} with flags ${entry.flags} for 0x${entry.userData.toString(16)}`,
      );
    return { own, other };
  });
  let left = Math.max(0, extra) - can.filter(({ own }) => !own).length;
  return can.map(({ own, other }) => {
    if (!own) return 'extra';
    return other && left-- > 0 ? 'extra' : 'own';
  });
}

/** Tags need a table of files, and the ring's own is there by then. */
export function canComeLate(ring: RingOnKernel, way: ReturnType<typeof wayOf>): boolean {
  return way === 'message' || (way === 'tag' && !ring.state.files && !ring.state.restrictions?.enforced);
}
