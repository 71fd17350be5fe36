/** Turns a load request into the core's records (`abi.ts`). */
import type { Btf } from '../bpf/btf.ts';
import { readInsns } from '../bpf/decode.ts';
import { type DisasmOptions, logText } from '../bpf/disasm.ts';
import { InputError } from '../bpf/input-error.ts';
import type { FuncInfo, LineInfo } from '../loader/program.ts';
import { LineField, MapField, Request } from './abi.ts';
import type { LoadRequest, MapInfo } from './load-request.ts';
import type { Packer } from './packer.ts';
import { LogLevel } from './types.ts';

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
export function packRequest(
  packer: Packer,
  request: LoadRequest,
  btfs: BtfAddresses,
  texts: DisasmOptions,
  strings: Btf | undefined,
): number {
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
  set(Request.FuncInfo, packFuncInfo(packer, request.funcInfo));
  set(Request.FuncInfoCount, request.funcInfo.length);
  set(Request.ProgBtf, btfs.program);
  set(Request.Maps, packMaps(packer, request.maps, btfs));
  set(Request.MapCount, request.maps.length);
  set(Request.KfuncBtfs, packer.words(btfs.kfunc));
  set(Request.KfuncBtfCount, btfs.kfunc.length);
  set(Request.ImmBtfs, packer.words(btfs.imm));
  set(Request.ImmBtfCount, btfs.imm.length);
  set(Request.InsnLimit, request.insnLimit ?? 0);
  set(Request.LineInfo, packLines(packer, request.lineInfo, strings));
  set(Request.LineInfoCount, request.lineInfo.length);
  const logsPath = (request.logLevel & (LogLevel.Path | LogLevel.Full)) !== 0;
  if (logsPath) set(Request.InsnTexts, packTexts(packer, request.insns, texts));
  return at;
}

function packFuncInfo(packer: Packer, infos: readonly FuncInfo[]): number {
  return packer.words(infos.flatMap((info) => [info.insn, info.typeId]));
}

function packMaps(packer: Packer, maps: readonly MapInfo[], btfs: BtfAddresses): number {
  const at = packer.alloc(Math.max(maps.length, 1) * MapField.Size);
  maps.forEach((map, i) => {
    const record = at + i * MapField.Size;
    packMap(packer, record, map, btfs);
    const inner = map.inner === undefined ? undefined : maps[map.inner];
    packer.u32(record + MapField.Inner, inner ? packTemplate(packer, inner, btfs) : 0);
    packer.u32(record + MapField.Id, i + 1);
  });
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
  packer.u64(record + MapField.Address, map.address ?? 0n);
}

/** Source lines as the log has them: leading blanks cut, the file without its folder. */
function packLines(packer: Packer, lines: readonly LineInfo[], strings: Btf | undefined): number {
  const at = packer.alloc(Math.max(lines.length, 1) * LineField.Size);
  const texts = new Map<string, number>();
  lines.forEach((line, i) => {
    const record = at + i * LineField.Size;
    const source = (strings?.string(line.lineOffset) ?? '').trimStart();
    const file = (strings?.string(line.fileNameOffset) ?? '').replace(/^.*\//, '');
    const text = `${source} @ ${file}:${line.line}`;
    const known = texts.get(text) ?? packer.text(text);
    texts.set(text, known);
    packer.u32(record + LineField.Insn, line.insn);
    packer.u32(record + LineField.FileName, line.fileNameOffset);
    packer.u32(record + LineField.Line, line.line);
    packer.u32(record + LineField.Text, known);
  });
  return at;
}

/** Text of every instruction; a program cut off inside a ld_imm64 has texts up to there. */
function packTexts(packer: Packer, insns: Uint8Array, options: DisasmOptions): number {
  const texts = new Array<number>(insns.length / 8).fill(0);
  try {
    for (const insn of readInsns(insns)) {
      texts[insn.slot] = packer.text(logText(insn, options));
    }
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
  }
  return packer.words(texts);
}
