/** Raw tracepoints of an image, and functions whose errors may be injected. */
import type { Btf } from '../../bpf/btf.ts';
import type { SymbolTable } from './kallsyms.ts';
import type { KernelImage } from './kernel-image.ts';
import { StructReader } from './struct-reader.ts';

export interface TracepointRecord {
  /** Event class whose function names the arguments, when it is not the tracepoint's own. */
  template?: string;
  /** Bytes at the first argument that writable programs may change. */
  writable?: number;
  /** Four bits for each argument, the first lowest: 1 may be NULL, 2 is not a valid pointer. */
  nullArgs?: string;
}

const PREFIX = '__bpf_trace_';
/** More entries than this, in either table, are damaged data. */
const MAX_TRACEPOINTS = 100_000;
/** Bytes of an entry of the list for error injection. */
const ERROR_ENTRY = 16n;

/** By tracepoint name. */
export function readTracepoints(
  image: KernelImage,
  btf: Btf,
  symbols: SymbolTable,
): { [name: string]: TracepointRecord } {
  const start = symbols.address('__start__bpf_raw_tp');
  const stop = symbols.address('__stop__bpf_raw_tp');
  if (start === undefined || stop === undefined) return {};
  const map = new StructReader(image, btf, 'bpf_raw_event_map');
  const tracepoint = new StructReader(image, btf, 'tracepoint');
  const nullArgs = readNullArgs(image, btf, symbols);
  const result: { [name: string]: TracepointRecord } = {};
  const count = Number((stop - start) / BigInt(map.size));
  if (count < 0 || count > MAX_TRACEPOINTS) throw image.error(`${count} tracepoints`);
  for (let i = 0; i < count; i++) {
    const entry = start + BigInt(i * map.size);
    const name = tracepoint.text(map.pointer(entry, 'tp'), 'name');
    if (name === undefined) throw image.error(`tracepoint ${i} has no name`);
    const record: TracepointRecord = {};
    const template = templateName(symbols, map.pointer(entry, 'bpf_func'), name);
    if (template !== name) record.template = template;
    const writable = map.u32(entry, 'writable_size');
    if (writable !== 0) record.writable = writable;
    const mask = nullArgs.get(name);
    if (mask !== undefined) record.nullArgs = `0x${mask.toString(16)}`;
    result[name] = record;
  }
  return result;
}

/** Tracepoint -> mask of arguments that may be NULL, of kernels that keep such a list. */
function readNullArgs(image: KernelImage, btf: Btf, symbols: SymbolTable): Map<string, bigint> {
  const result = new Map<string, bigint>();
  const table = symbols.address('raw_tp_null_args');
  if (table === undefined) return result;
  const entry = new StructReader(image, btf, 'bpf_raw_tp_null_args');
  for (
    let at = table;
    at + BigInt(entry.size) <= table + BigInt(symbols.room(table));
    at += BigInt(entry.size)
  ) {
    const name = entry.text(at, 'func');
    if (!name) break;
    result.set(name, entry.pointer(at, 'mask'));
  }
  return result;
}

/** Of several names at one address the first in the symbol table counts, as it does for the kernel. */
function templateName(symbols: SymbolTable, func: bigint, tracepoint: string): string {
  const name = symbols.at(func).find((symbol) => symbol.startsWith(PREFIX));
  return name === undefined ? tracepoint : name.slice(PREFIX.length);
}

/** Names of the functions that ALLOW_ERROR_INJECTION marks; none when the kernel was built without. */
export function readErrorInjection(image: KernelImage, symbols: SymbolTable): string[] {
  const start = symbols.address('__start_error_injection_whitelist');
  const stop = symbols.address('__stop_error_injection_whitelist');
  if (start === undefined || stop === undefined) return [];
  if (stop - start > ERROR_ENTRY * BigInt(MAX_TRACEPOINTS))
    throw image.error('the list for error injection is damaged');
  const names = new Set<string>();
  // pairs of an address and the kind of error
  for (let at = start; at < stop; at += ERROR_ENTRY) {
    for (const name of symbols.at(image.u64(at))) names.add(name);
  }
  return [...names].sort();
}
