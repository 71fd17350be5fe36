/** Turns a load request into the core's records (`abi.ts`). */
import { readInsns } from '../bpf/decode.ts';
import { type DisasmOptions, logText } from '../bpf/disasm.ts';
import { InputError } from '../bpf/input-error.ts';
import type { FuncInfo, LineInfo } from '../loader/program.ts';
import { LineField, MapField, Request } from './abi.ts';
import { TargetFact, TargetFlag, TargetFunction, TargetFunctionFlag } from './btf-abi.ts';
import { EventMode } from './event-abi.ts';
import type { LoadRequest, MapInfo, TargetProgram } from './load-request.ts';
import type { Packer } from './packer.ts';
import { LogLevel } from './types.ts';
import { usedMaps } from './used-maps.ts';

/** What packing a request needs besides the request. */
export interface RequestParts {
  btfs: BtfAddresses;
  texts: DisasmOptions;
  /** Whether the kernel has maps of a type. */
  hasMapType(type: number): boolean;
}

/** Addresses of Btf objects in the core, by what the request calls them. */
export interface BtfAddresses {
  /** The program's own BTF, 0 for none. */
  program: number;
  attach: number;
  kfunc: readonly number[];
  imm: readonly number[];
  /** BTF of a map. */
  ofMap(map: MapInfo): number;
  /** Record of the special fields in a map's values, 0 for none. */
  recordOfMap(map: MapInfo): number;
}

/** Instructions whose texts are packed together. */
const TEXT_BATCH = 1024;

/** Licences Linux takes as compatible with the GPL. */
const GPL_COMPATIBLE = new Set([
  'GPL',
  'GPL v2',
  'GPL and additional rights',
  'Dual BSD/GPL',
  'Dual MIT/GPL',
  'Dual MPL/GPL',
]);

export function isGplCompatible(license: string): boolean {
  return GPL_COMPATIBLE.has(license);
}

/** The request record's address. */
export function packRequest(packer: Packer, request: LoadRequest, parts: RequestParts): number {
  const { btfs } = parts;
  const at = packer.alloc(Request.Size);
  const set = (field: number, value: number) => packer.u32(at + field, value);
  set(Request.Insns, packer.bytes(request.insns));
  set(Request.InsnCount, request.insns.length / 8);
  set(Request.ProgType, request.progType);
  set(Request.AttachType, request.expectedAttachType);
  set(Request.ProgFlags, request.progFlags);
  set(Request.Caps, request.caps);
  set(Request.LogLevel, request.logLevel);
  set(Request.Gpl, isGplCompatible(request.license) ? 1 : 0);
  set(Request.AttachBtf, btfs.attach);
  set(Request.AttachBtfId, request.attachBtfId);
  set(Request.AttachProgram, request.target ? packTarget(packer, request.target) : 0);
  set(Request.FuncInfo, packFuncInfo(packer, request.funcInfo));
  set(Request.FuncInfoCount, request.funcInfo.length);
  set(Request.ProgBtf, btfs.program);
  set(Request.Maps, packMaps(packer, request, parts));
  set(Request.MapCount, request.maps.length);
  set(Request.KfuncBtfs, packer.words(btfs.kfunc));
  set(Request.KfuncBtfCount, btfs.kfunc.length);
  set(Request.ImmBtfs, packer.words(btfs.imm));
  set(Request.ImmBtfCount, btfs.imm.length);
  set(Request.InsnLimit, request.insnLimit ?? 0);
  set(Request.Events, eventMode(request));
  const { path } = request;
  set(Request.Path, path ? packer.words(path.insns) : 0);
  set(Request.PathLength, path?.insns.length ?? 0);
  set(Request.PathRegisters, path ? packer.bytes(path.registers) : 0);
  set(Request.LineInfo, packLines(packer, request.lineInfo));
  set(Request.LineInfoCount, request.lineInfo.length);
  const logsPath = (request.logLevel & (LogLevel.Path | LogLevel.Full)) !== 0;
  if (logsPath) set(Request.InsnTexts, packTexts(packer, request.insns, parts.texts));
  return at;
}

function eventMode({ events }: LoadRequest): EventMode {
  if (events === undefined) return EventMode.None;
  return events === 'all' ? EventMode.All : EventMode.Path;
}

function packFuncInfo(packer: Packer, infos: readonly FuncInfo[]): number {
  return packer.words(infos.flatMap((info) => [info.insn, info.typeId]));
}

/** Maps that no instruction names stay empty, and so do those that no kernel of this kind could have made. */
function packMaps(packer: Packer, request: LoadRequest, parts: RequestParts): number {
  const { maps } = request;
  const at = packer.alloc(Math.max(maps.length, 1) * MapField.Size);
  for (const index of usedMaps(request.insns)) {
    const map = maps[index];
    if (!map || !parts.hasMapType(map.type)) continue;
    const record = at + index * MapField.Size;
    packMap(packer, record, map, parts.btfs);
    const inner = map.inner === undefined ? undefined : maps[map.inner];
    const known = inner !== undefined && parts.hasMapType(inner.type);
    packer.u32(record + MapField.Inner, known ? packTemplate(packer, inner, parts.btfs) : 0);
    packer.u32(record + MapField.Id, index + 1);
  }
  return at;
}

/** What is known of all inner maps of a map: its template, without the template's name and content. */
function packTemplate(packer: Packer, map: MapInfo, btfs: BtfAddresses): number {
  const record = packer.alloc(MapField.Size);
  const { data: _, ...template } = map;
  packMap(packer, record, { ...template, name: '', frozen: false }, btfs);
  return record;
}

function packMap(packer: Packer, record: number, map: MapInfo, btfs: BtfAddresses): void {
  const set = (field: number, value: number) => packer.u32(record + field, value);
  set(MapField.Type, map.type);
  set(MapField.KeySize, map.keySize);
  set(MapField.ValueSize, map.valueSize);
  set(MapField.MaxEntries, map.maxEntries);
  set(MapField.Flags, map.flags);
  packer.u64(record + MapField.Extra, map.extra);
  set(MapField.Name, packer.text(map.name));
  set(MapField.Btf, map.btf ? btfs.ofMap(map) : 0);
  set(MapField.KeyTypeId, map.keyTypeId);
  set(MapField.ValueTypeId, map.valueTypeId);
  set(MapField.Record, btfs.recordOfMap(map));
  set(MapField.Data, map.data ? packer.bytes(map.data) : 0);
  set(MapField.Frozen, map.frozen ? 1 : 0);
}

function packTarget(packer: Packer, target: TargetProgram): number {
  const at = packer.alloc(TargetFact.Size);
  const { functions } = target;
  const rows = packer.alloc(Math.max(functions.length, 1) * TargetFunction.Size);
  functions.forEach((func, i) => {
    let flags = 0;
    if (func.unreliable) flags |= TargetFunctionFlag.Unreliable;
    if (func.exceptionCallback) flags |= TargetFunctionFlag.ExceptionCallback;
    if (func.changesPacket) flags |= TargetFunctionFlag.ChangesPacket;
    packer.u32(rows + i * TargetFunction.Size + TargetFunction.TypeId, func.typeId);
    packer.u32(rows + i * TargetFunction.Size + TargetFunction.Flags, flags);
  });
  packer.u32(at + TargetFact.ProgType, target.progType);
  packer.u32(at + TargetFact.ContextType, target.contextType);
  packer.u32(at + TargetFact.AttachType, target.expectedAttachType);
  packer.u32(
    at + TargetFact.Flags,
    (target.jited ? TargetFlag.Jited : 0) | (target.nested ? TargetFlag.Nested : 0),
  );
  packer.u32(at + TargetFact.Functions, rows);
  packer.u32(at + TargetFact.FunctionCount, functions.length);
  return at;
}

function packLines(packer: Packer, lines: readonly LineInfo[]): number {
  const at = packer.alloc(Math.max(lines.length, 1) * LineField.Size);
  packer.fill(at, lines.length * LineField.Size, (view) => {
    lines.forEach((line, i) => {
      const record = i * LineField.Size;
      view.setUint32(record + LineField.Insn, line.insn, true);
      view.setUint32(record + LineField.FileName, line.fileNameOffset, true);
      view.setUint32(record + LineField.Line, line.line, true);
      view.setUint32(record + LineField.Source, line.lineOffset, true);
    });
  });
  return at;
}

/** Text of every instruction; a program cut off inside a ld_imm64 has texts up to there. */
function packTexts(packer: Packer, insns: Uint8Array, options: DisasmOptions): number {
  const texts = new Uint32Array(insns.length / 8);
  let slots: number[] = [];
  let batch: string[] = [];
  const flush = () => {
    packer.texts(batch).forEach((at, i) => {
      texts[slots[i] as number] = at;
    });
    slots = [];
    batch = [];
  };
  try {
    for (const insn of readInsns(insns)) {
      slots.push(insn.slot);
      batch.push(logText(insn, options));
      if (batch.length === TEXT_BATCH) flush();
    }
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
  }
  flush();
  return packer.bytes(new Uint8Array(texts.buffer));
}
