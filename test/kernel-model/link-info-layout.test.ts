/** H4: the series puts a u64 into the union that held map_id alone, and so moves map_id in a record of the ABI. */
import { describe, expect, test } from 'vitest';
import { type Btf, BtfKind, type BtfType, type TypeId } from '../../bpf/btf.ts';
import { openMap } from '../../kernel-model/iter/bpf-map-elem.ts';
import { linkCreate } from '../../kernel-model/iter/link.ts';
import { linkInfo } from '../../kernel-model/iter/link-info.ts';
import { openProfile, profileNames } from '../../kernel-model/profile-node.ts';
import type { BpfMapView } from '../../kernel-model/services.ts';
import { linkTo, programOf } from './program-support.ts';
import { newMachine } from './support.ts';

/** Where binaries built before the series look for the id. */
const PUBLISHED = 28;
/** Where the series puts it. */
const MOVED = 32;

/** Alignment that C gives a type. */
function alignment(btf: Btf, id: TypeId): number {
  const type = btf.resolve(id);
  if (type.kind === BtfKind.Struct || type.kind === BtfKind.Union)
    return Math.max(1, ...type.members.map((member) => alignment(btf, member.type)));
  if (type.kind === BtfKind.Ptr) return 8;
  return type.kind === BtfKind.Array ? alignment(btf, type.type) : type.size;
}

interface Place {
  readonly type: BtfType;
  /** Bytes from the start of bpf_link_info. */
  readonly offset: number;
}

/** The way from a struct to a member, through members without a name. */
function pathTo(btf: Btf, from: BtfType, name: string, offset = 0): Place[] | undefined {
  for (const member of from.members) {
    const type = btf.resolve(member.type);
    const at = offset + member.bitOffset / 8;
    if (member.name === name) return [{ type, offset: at }];
    const rest = member.name === '' ? pathTo(btf, type, name, at) : undefined;
    if (rest) return [{ type, offset: at }, ...rest];
  }
  return undefined;
}

test.each(['6.1', '6.12'])('map_id stands where the alignment of its union puts it on %s', (kernel) => {
  const { vmlinux } = openProfile(kernel);
  const info = vmlinux.resolve(vmlinux.find('bpf_link_info', BtfKind.Struct));
  const iter = pathTo(vmlinux, info, 'iter')?.at(-1) as Place;
  const [union, map] = pathTo(vmlinux, iter.type, 'map', iter.offset) as [Place, Place];
  const [nameLength] = pathTo(vmlinux, iter.type, 'target_name_len', iter.offset) as [Place];
  const behind = nameLength.offset + nameLength.type.size;
  const align = Math.max(...union.type.members.map((member) => alignment(vmlinux, member.type)));
  const placed = (alignTo: number) => Math.ceil(behind / alignTo) * alignTo;
  expect([union.offset, map.offset, placed(align)]).toEqual([PUBLISHED, PUBLISHED, PUBLISHED]);
  // The series adds { __u64 inode; } to the same union; mainline has taken a second union for such members.
  const inode = vmlinux.sizeOf(vmlinux.find('__u64', BtfKind.Typedef));
  expect(placed(Math.max(align, inode))).toBe(MOVED);
});

describe.each(profileNames())('bpf_link_info on %s', (kernel) => {
  const moved = kernel === '5.16+series';

  test('a binary that looks at byte 28 gets the id, or with the series 0', async () => {
    const machine = await newMachine(kernel);
    const task = machine.tasks.create({ pid: 100 });
    machine.sys.eventfd2(task, 0, 0);
    const map: BpfMapView = {
      id: 42,
      address: machine.heap.allocate('bpf_map').address,
      name: 'm',
      type: 1,
      keySize: 4,
      valueSize: 4,
      maxEntries: 1,
      flags: 0,
      count: 0,
      entries: () => [],
    };
    const program = programOf(machine, 'bpf_map_elem', () => 0);
    const link = linkCreate(machine, task, program, linkTo(openMap(machine, task, map)));
    const info = new Uint8Array(48);
    linkInfo(machine, task, link, info, info.length);
    const at = (offset: number) => new DataView(info.buffer).getUint32(offset, true);
    expect([at(PUBLISHED), at(MOVED)]).toEqual(moved ? [0, 42] : [42, 0]);
  });
});
