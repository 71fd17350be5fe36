/** Groups of provided buffers: lists, and rings in user memory or in the kernel's. */
import type { BufferGroup } from '../state.ts';
import { ofKind } from './census.ts';
import type { RawGroup, RawProvided } from './raw.ts';
import type { DumpRecord } from './records.ts';
import { frameOf, type RingUnderDump } from './rings.ts';

const BUF_SIZE = 16;
/** Offset for mmap(2) of a group that stands in the kernel's memory. */
const MAP_GROUP = 0x8000_0000;
const GROUP_SHIFT = 16;
/** IOBL_* */
const IOBL_MMAP = 2;
const IOBL_INC = 4;

type RawGroupPage = DumpRecord & { readonly index: bigint; readonly page: bigint };

export function groupsOf(ring: RingUnderDump): BufferGroup[] {
  const { programs, choice } = ring;
  const groups = ofKind<RawGroup>([...programs.runList('dump_groups', choice)], 'group');
  return groups.flatMap((group) => (group.pages > 0 ? [ringGroup(ring, group)] : listGroup(ring, group)));
}

/** A list without buffers is as good as none: whoever provides buffers makes it. */
function listGroup({ programs, choice }: RingUnderDump, group: RawGroup): BufferGroup[] {
  const start = { list: group.list, listIsBuffer: BigInt(group.list_is_buffer) };
  const found = ofKind<RawProvided>([...programs.runList('dump_provided', choice, start)], 'provided');
  if (found.length === 0) return [];
  const buffers = found.map(({ address, length, id }) => ({ address, length, id }));
  return [{ kind: 'list', id: Number(group.id), buffers }];
}

function ringGroup(ring: RingUnderDump, group: RawGroup): BufferGroup {
  const { dumper, holder, refusals, subject } = ring;
  const id = Number(group.id);
  const common = {
    kind: 'ring',
    id,
    entries: group.entries,
    head: group.consumed,
    incremental: (group.flags & IOBL_INC) !== 0,
    minLeft: group.min_left === 0 ? 0 : group.min_left + 1,
  } as const;
  const size = BUF_SIZE * group.entries;
  const address = userAddress(ring, group);
  if (address !== undefined) return { ...common, address, content: undefined };
  const mapped = (group.flags & IOBL_MMAP) !== 0 || group.flags === 0;
  const content = mapped
    ? dumper.withFd(holder.tid, holder.fd, (fd) =>
        dumper.readMapped(fd, MAP_GROUP + id * 2 ** GROUP_SHIFT, size),
      )
    : undefined;
  if (!content)
    refusals.add(67, `${subject}, buffer group ${id}`, 'stands in memory that is not mapped any more');
  return { ...common, address: undefined, content: content ?? new Uint8Array(size) };
}

/** Its pages must be mapped in a row. */
function userAddress(ring: RingUnderDump, group: RawGroup): number | undefined {
  const { programs, choice, memory, raw } = ring;
  const start = { list: group.page_table, more: BigInt(group.pages) };
  const pages = ofKind<RawGroupPage>([...programs.runList('dump_group_pages', choice, start)], 'group_page');
  const first = pages[0] && memory.addressOf(frameOf(pages[0].page), raw.mm);
  if (first === undefined) return undefined;
  const inRow = pages.every(({ page }, i) => memory.addressOf(frameOf(page), raw.mm) === first + 4096 * i);
  return inRow ? first : undefined;
}
