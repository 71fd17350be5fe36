/** What a program's section name needs: its type, its attach type, its flags, what it attaches to. */
import { ProgFlag, ProgType } from '../loader/prog-type.ts';
import { attachTypeSince, programTypeSince } from './first-releases.ts';
import type { ProgramUse, Use, When } from './need.ts';
import type { NeedTable } from './need-table.ts';

/** Sections whose attach type a kernel may do without: it loads such programs whatever it says, and attaches them. */
const WITHOUT_ATTACH_TYPE: ReadonlySet<string> = new Set([
  'tc/ingress',
  'tc/egress',
  'xdp',
  'xdp.frags',
  'sockops',
  'sk_skb/stream_parser',
  'sk_skb/stream_verdict',
  'sk_msg',
  'lirc_mode2',
  'flow_dissector',
  'cgroup_skb/ingress',
  'cgroup_skb/egress',
  'cgroup/sock',
  'cgroup/sock_create',
  'cgroup/sysctl',
  'cgroup/dev',
  'sk_reuseport',
]);

/** Types whose attach type the kernel looks at when it loads them. */
const LOADED_BY_ATTACH_TYPE: ReadonlySet<number> = new Set([
  ProgType.CgroupSkb,
  ProgType.CgroupSock,
  ProgType.CgroupSockAddr,
  ProgType.CgroupSockopt,
  ProgType.SkLookup,
  ProgType.SkReuseport,
  ProgType.Tracing,
  ProgType.Lsm,
  ProgType.Netfilter,
]);

const FLAGS = [
  { flag: ProgFlag.Sleepable, name: 'sleepable', since: '5.10' },
  { flag: ProgFlag.XdpHasFrags, name: 'xdp_has_frags', since: '5.18' },
] as const;

/** @param isLoaded with its object, unless somebody says otherwise. */
export function attachNeeds(table: NeedTable, program: ProgramUse, isLoaded: boolean): void {
  const { def } = program.func;
  if (!def) return;
  const use = (when: When): Use => ({ program, when: isLoaded ? when : 'optional' });
  const type = programTypeSince(def.type);
  table.add(
    {
      subject: { kind: 'program-type', number: def.type },
      name: type?.name ?? `program type ${def.type}`,
      since: type?.since,
    },
    use('certain'),
  );
  if (def.attachType !== 0 && !def.usdt) addAttachType(table, program, use);
  for (const { flag, name, since } of FLAGS) {
    if (def.flags & flag) table.add({ subject: { kind: 'program-flag' }, name, since }, use('certain'));
  }
  const name = program.func.sectionName;
  if (!name.includes('/') || !hasTarget(program)) return;
  table.add({ subject: { kind: 'attach-target' }, name }, use(def.attachBtf ? 'certain' : 'attaching'));
}

function addAttachType(table: NeedTable, { func: { def } }: ProgramUse, use: (when: When) => Use): void {
  if (!def) return;
  const type = attachTypeSince(def.attachType);
  const name = type?.name ?? `attach type ${def.attachType}`;
  const when = WITHOUT_ATTACH_TYPE.has(def.pattern)
    ? 'optional'
    : LOADED_BY_ATTACH_TYPE.has(def.type)
      ? 'certain'
      : 'attaching';
  table.add(
    { subject: { kind: 'attach-type', number: def.attachType }, name, since: type?.since },
    use(when),
  );
}

/** Whether the section names something of the kernel: freplace programs name functions of other programs. */
function hasTarget({ func: { def } }: ProgramUse): boolean {
  if (!def || def.type === ProgType.Ext || def.type === ProgType.StructOps) return false;
  return def.attachBtf || NAMES_KERNEL.test(def.pattern);
}

const NAMES_KERNEL = /^(k(ret)?probe|k(ret)?syscall|tracepoint|tp|raw_tracepoint|raw_tp)(\.|\+)/;
