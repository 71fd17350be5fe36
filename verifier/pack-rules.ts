/** Packs what the profile's tables say about one program: its context, its maps, its packet accesses. */
import type { CtxRules } from '../kernel-model/ctx-access.ts';
import { PacketAccess } from '../kernel-model/prog-rules.ts';
import type { ProgramFacts } from '../kernel-model/program-facts.ts';
import type { VerifierData } from '../kernel-model/verifier-data.ts';
import { CtxField, CtxHead, PacketUse, Request } from './abi.ts';
import type { KernelTables } from './kernel-tables.ts';
import type { Packer } from './packer.ts';
import { Reg } from './types.ts';

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
/** Fills in the request at `at`. */
export function packRules(
  packer: Packer,
  at: number,
  data: VerifierData,
  tables: KernelTables,
  facts: ProgramFacts,
): void {
  const set = (field: Request, value: number) => packer.u32(at + field, value);
  const type = facts.resolvedType;
  set(Request.CtxRules, packCtx(packer, data.ctxRules(facts)));
  set(Request.SockRules, packCtx(packer, data.pointerRules(Reg.Socket, facts)));
  set(Request.SockCommonRules, packCtx(packer, data.pointerRules(Reg.SockCommon, facts)));
  set(Request.TcpSockRules, packCtx(packer, data.pointerRules(Reg.TcpSock, facts)));
  set(Request.XdpSockRules, packCtx(packer, data.pointerRules(Reg.XdpSock, facts)));
  set(Request.PacketUse, packetUse(data, type));
  set(Request.ConvertsCtx, [...PLAIN_CTX].some((name) => data.progType(name) === type) ? 0 : 1);
  set(Request.Opcodes, tables.opcodes);
  set(Request.SleepableMaps, tables.sleepableMaps);
  set(Request.MapOps, tables.mapOps);
  set(Request.IsTracing, data.programs.isTracing(facts.progType) ? 1 : 0);
  set(Request.ResolvedType, type);
  packer.u64(at + Request.Features, data.features.bits);
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
