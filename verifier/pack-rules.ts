/** Packs what the profile's tables say about one program: its context, its maps, its packet accesses. */
import { FORMS } from '../bpf/opcodes.ts';
import type { CtxRules } from '../kernel-model/ctx-access.ts';
import { PacketAccess } from '../kernel-model/prog-rules.ts';
import type { ProgramFacts } from '../kernel-model/program-facts.ts';
import type { VerifierData } from '../kernel-model/verifier-data.ts';
import { CtxField, CtxHead, MapOp, PacketUse, Request } from './abi.ts';
import type { Packer } from './packer.ts';
import { Reg } from './types.ts';

const TABLE = 256;
/** Program types whose context is handed to helpers as it is, because no rewriting stands between. */
const PLAIN_CTX = new Set([
  'syscall',
  'raw_tracepoint',
  'raw_tracepoint_writable',
  'tracing',
  'lsm',
  'struct_ops',
  'tracepoint',
  'kprobe',
  'lirc_mode2',
  'netfilter',
  'cgroup_device',
]);
/** The release whose instructions the core knows. */
const LINUX = { major: 6, minor: 12 };
/** Kernel callbacks behind the map operations that matter. */
const MAP_OPS: readonly [name: string, op: MapOp][] = [
  ['map_direct_value_addr', MapOp.DirectValue],
  ['map_for_each_callback', MapOp.ForEach],
  ['map_gen_lookup', MapOp.LookupInline],
];

/** Fills in the request at `at`. */
export function packRules(packer: Packer, at: number, data: VerifierData, facts: ProgramFacts): void {
  const set = (field: Request, value: number) => packer.u32(at + field, value);
  const type = facts.resolvedType;
  set(Request.CtxRules, packCtx(packer, data.ctxRules(facts)));
  set(Request.SockRules, packCtx(packer, data.pointerRules(Reg.Socket, facts)));
  set(Request.SockCommonRules, packCtx(packer, data.pointerRules(Reg.SockCommon, facts)));
  set(Request.TcpSockRules, packCtx(packer, data.pointerRules(Reg.TcpSock, facts)));
  set(Request.XdpSockRules, packCtx(packer, data.pointerRules(Reg.XdpSock, facts)));
  set(Request.PacketUse, packetUse(data, type));
  set(Request.ConvertsCtx, [...PLAIN_CTX].some((name) => data.progType(name) === type) ? 0 : 1);
  set(Request.Opcodes, packer.bytes(opcodeTable()));
  set(Request.SleepableMaps, packer.bytes(mapTable(data, (map) => (data.maps.sleepableMayUse(map) ? 1 : 0))));
  set(Request.MapOps, packer.bytes(mapTable(data, (map) => mapOps(data, map))));
  set(Request.IsTracing, data.programs.isTracing(type) ? 1 : 0);
  set(Request.ResolvedType, type);
}

function packCtx(packer: Packer, rules: CtxRules | undefined): number {
  if (!rules) return 0;
  const head = packer.alloc(CtxHead.Size);
  const rows = packer.alloc(Math.max(rules.rows.length, 1) * CtxField.Size);
  packer.u32(head + CtxHead.ContextSize, rules.size);
  packer.u32(head + CtxHead.BoundEnd, rules.boundEnd ? 1 : 0);
  packer.u32(head + CtxHead.Unaligned, rules.unaligned ? 1 : 0);
  packer.u32(head + CtxHead.BtfArgs, rules.btfArgs ? 1 : 0);
  packer.u32(head + CtxHead.Rows, rows);
  packer.u32(head + CtxHead.RowCount, rules.rows.length);
  rules.rows.forEach((row, i) => {
    const record = rows + i * CtxField.Size;
    const set = (field: CtxField, value: number) => packer.u32(record + field, value);
    set(CtxField.Start, row.start);
    set(CtxField.End, row.end);
    set(CtxField.Write, row.write ? 1 : 0);
    set(CtxField.Sizes, row.sizes);
    set(CtxField.Within, row.within ? 1 : 0);
    set(CtxField.FieldSize, row.fieldSize);
    set(CtxField.Type, row.reg);
    set(CtxField.BtfId, row.btfId);
    set(CtxField.NoSignExtend, row.noSignExtend ? 1 : 0);
    set(CtxField.More, row.more ? 1 : 0);
  });
  return head;
}

function packetUse(data: VerifierData, type: number): number {
  const access = data.programs.packetAccess(type);
  let use = 0;
  if (access !== PacketAccess.None) use |= PacketUse.Read;
  if (access === PacketAccess.ReadWrite || access === PacketAccess.Always) use |= PacketUse.Write;
  if (data.programs.mayLoadAbs(type)) use |= PacketUse.LegacyLoads;
  return use;
}

function opcodeTable(): Uint8Array {
  const table = new Uint8Array(TABLE);
  for (const form of FORMS) if (isKnown(form.linux)) table[form.code] = 1;
  return table;
}

/** Whether the verifier's Linux has what came with a release ("" never came). */
function isKnown(since: string): boolean {
  if (since === '') return false;
  const [major = 0, minor = 0] = since.split('.').map(Number);
  return major < LINUX.major || (major === LINUX.major && minor <= LINUX.minor);
}

function mapTable(data: VerifierData, value: (type: number) => number): Uint8Array {
  const table = new Uint8Array(TABLE);
  for (const type of data.maps.types.keys()) table[type] = value(type);
  return table;
}

function mapOps(data: VerifierData, type: number): number {
  const ops = data.maps.types.get(type)?.ops;
  return MAP_OPS.reduce((sum, [name, op]) => (ops?.has(name) ? sum | op : sum), 0);
}
