/** Whether a load request is one at all: numbers in the range of their fields, whole instructions. */
import { InputError } from '../bpf/input-error.ts';
import type { LoadRequest, MapInfo, RunPath, TargetProgram } from './load-request.ts';

const SLOT = 8;
/** r0..r10 */
const REGISTERS_BYTES = 88;
const MAX_U64 = 0xffff_ffff_ffff_ffffn;
/** As many as a system call could hand over. */
const MAX_LIST = 0x7f_ffff;

/** @throws {InputError} that names the field. */
export function checkRequest(request: LoadRequest): void {
  checkBytes('insns', request.insns);
  if (request.insns.length % SLOT !== 0) {
    throw wrong('insns', `${request.insns.length} bytes are no whole number of instructions`);
  }
  checkWord('progType', request.progType);
  checkWord('expectedAttachType', request.expectedAttachType);
  checkWord('progFlags', request.progFlags);
  checkWord('caps', request.caps);
  checkWord('logLevel', request.logLevel);
  checkWord('attachBtfId', request.attachBtfId);
  checkWord('insnLimit', request.insnLimit ?? 0);
  if (request.path) checkPath(request.path);
  if (typeof request.license !== 'string') throw wrong('license', 'not a string');
  if (request.progBtf !== undefined) checkBytes('progBtf', request.progBtf);
  checkList('funcInfo', request.funcInfo, ({ insn, typeId }) => isWord(insn) && isWord(typeId));
  checkList(
    'lineInfo',
    request.lineInfo,
    ({ insn, fileNameOffset, lineOffset, line }) =>
      isWord(insn) && isWord(fileNameOffset) && isWord(lineOffset) && isWord(line),
  );
  checkList('maps', request.maps, (map) => typeof map === 'object');
  request.maps.forEach((map, i) => {
    checkMap(`maps[${i}]`, map);
  });
  if (request.target) checkTarget(request.target);
  checkList('attachBtf', [request.attachBtf ?? null], isName);
  checkList('kfuncBtfs', request.kfuncBtfs ?? [], isName);
  checkList('immBtfs', request.immBtfs ?? [], isName);
}

function checkTarget(target: TargetProgram): void {
  checkWord('target.progType', target.progType);
  checkWord('target.expectedAttachType', target.expectedAttachType);
  checkWord('target.contextType', target.contextType);
  if (target.btf !== undefined) checkBytes('target.btf', target.btf);
  checkList('target.functions', target.functions, ({ typeId }) => isWord(typeId));
}

function checkMap(field: string, map: MapInfo): void {
  if (typeof map.name !== 'string') throw wrong(`${field}.name`, 'not a string');
  checkWord(`${field}.type`, map.type);
  checkWord(`${field}.keySize`, map.keySize);
  checkWord(`${field}.valueSize`, map.valueSize);
  checkWord(`${field}.maxEntries`, map.maxEntries);
  checkWord(`${field}.flags`, map.flags);
  checkWord(`${field}.inner`, map.inner ?? 0);
  checkWord(`${field}.keyTypeId`, map.keyTypeId);
  checkWord(`${field}.valueTypeId`, map.valueTypeId);
  checkLong(`${field}.extra`, map.extra);
  if (map.btf !== undefined) checkBytes(`${field}.btf`, map.btf);
  if (map.data !== undefined) checkBytes(`${field}.data`, map.data);
  if ((map.data?.length ?? 0) > map.valueSize) {
    throw wrong(`${field}.data`, `${map.data?.length} bytes for values of ${map.valueSize}`);
  }
}

function isWord(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
}

function checkWord(field: string, value: number): void {
  if (!isWord(value)) {
    throw wrong(field, `${value} is not an unsigned number of 32 bits`);
  }
}

function checkLong(field: string, value: bigint): void {
  if (typeof value !== 'bigint' || value < 0n || value > MAX_U64) {
    throw wrong(field, `${value} is not an unsigned number of 64 bits`);
  }
}

function checkBytes(field: string, value: Uint8Array): void {
  if (!(value instanceof Uint8Array)) throw wrong(field, 'not bytes');
}

function isName(value: string | null): boolean {
  return value === null || typeof value === 'string';
}

function checkPath({ insns, registers }: RunPath): void {
  checkList('path.insns', insns, isWord);
  checkBytes('path.registers', registers);
  if (registers.length !== insns.length * REGISTERS_BYTES)
    throw wrong('path.registers', `${registers.length} bytes for ${insns.length} steps`);
}

function checkList<T>(field: string, list: readonly T[], isGood: (item: T) => boolean): void {
  if (!Array.isArray(list)) throw wrong(field, 'not a list');
  if (list.length > MAX_LIST) throw wrong(field, `${list.length} entries`);
  const bad = list.findIndex((item: T) => !isGood(item));
  if (bad >= 0) throw wrong(field, `entry ${bad} has fields out of range`);
}

function wrong(field: string, problem: string): InputError {
  return new InputError(`load request, ${field}: ${problem}`);
}
