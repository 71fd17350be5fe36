/**
 * BPF programs as text: instructions as bpf/asm.ts has them, and before them directives that say what a verifier
 * has to know besides (docs/assembly.md).
 */
import { type AsmError, assembleText } from '../bpf/asm.ts';
import { helperName, LAST_HELPER } from '../bpf/helpers.ts';
import { nearNames, whatThereIs } from '../loader/near-names.ts';
import { Directives, isDirective } from './directives.ts';
import type { AssemblyError, AssemblySource } from './source.ts';
import { BadDirective } from './words.ts';

export const MOST_TEXT = 1 << 20;
const MOST_ERRORS = 100;
/** A list that is longer tells nothing. */
const MOST_EXPECTED = 8;
/** Labels that a missing one is compared with. */
const MOST_COMPARED = 500;

export const HELPER_NAMES: readonly string[] = Array.from(
  { length: LAST_HELPER },
  (_, index) => helperName(index + 1)!,
);

/** Never throws: what is wrong stands in `errors`. */
export function parseAssembly(text: string): AssemblySource {
  if (text.length > MOST_TEXT) return tooLong(text.length);
  const errors: AssemblyError[] = [];
  const directives = new Directives();
  const report = ({ error }: BadDirective) => {
    if (errors.length < MOST_ERRORS) errors.push(error);
  };
  const lines = text.split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    if (!isDirective(line)) continue;
    lines[index] = '';
    if (errors.length >= MOST_ERRORS) continue;
    try {
      directives.read(line, index + 1);
    } catch (cause) {
      if (!(cause instanceof BadDirective)) throw cause;
      report(cause);
    }
  }
  directives.finish(report);
  const code = lines.join('\n');
  const declared = new Set(directives.kfuncs.map((kfunc) => kfunc.name));
  const mapIndex = mapNumbers(directives.maps);
  const assembly = assembleText(code, {
    mapIndex: (name) => mapIndex.get(name),
    kfuncId: (name) => (declared.has(name) ? 0 : undefined),
  });
  const names = { labels: [...assembly.labels.keys()].slice(0, MOST_COMPARED), maps: [...mapIndex.keys()] };
  errors.push(...assembly.errors.map((error) => explained(error, names)));
  if (assembly.insns.length === 0 && errors.length === 0)
    errors.push(...atStart('there are no instructions'));
  if (!directives.section) {
    errors.push(...atStart('say which type of program this is, for example ".type xdp"'));
  }
  errors.sort((a, b) => a.line - b.line || a.column - b.column);
  const { insns, lineOfSlot, labels } = assembly;
  const { section, license = '', flags, maps, kfuncs, modules } = directives;
  const found = errors.slice(0, MOST_ERRORS);
  return { insns, lineOfSlot, labels, section, license, flags, maps, kfuncs, modules, errors: found, code };
}

/** Map -> its number. */
export function mapNumbers(maps: AssemblySource['maps']): ReadonlyMap<string, number> {
  return new Map(maps.map((map, index) => [map.name, index]));
}

function atStart(message: string): AssemblyError[] {
  return [{ line: 1, column: 1, endColumn: 1, message }];
}

function tooLong(length: number): AssemblySource {
  return {
    insns: new Uint8Array(),
    lineOfSlot: [],
    labels: new Map(),
    section: undefined,
    license: '',
    flags: 0,
    maps: [],
    kfuncs: [],
    modules: [],
    errors: atStart(`${length} characters are too many: at most ${MOST_TEXT}`),
    code: '',
  };
}

interface Names {
  labels: string[];
  maps: string[];
}

/** With what may have been meant. */
function explained(error: AsmError, names: Names): AssemblyError {
  const { line, column, endColumn } = error;
  return { line, column, endColumn, message: messageOf(error, names) };
}

function messageOf({ reason, expected, text }: AsmError, { labels, maps }: Names): string {
  const [, kind, missing] = /^(label|map) (\S+) is not defined$/.exec(reason) ?? [];
  if (kind && missing) return `${reason}; ${whatThereIs(missing, kind === 'map' ? maps : labels)}`;
  const func = /^(\S+) is neither a label nor a helper/.exec(reason);
  if (func) {
    const name = func[1]!;
    const near = nearNames(name, [...HELPER_NAMES, ...labels]);
    const hint = near.length > 0 ? `did you mean ${near.join(' or ')}? ` : '';
    return `${name} is neither a label nor a helper; ${hint}A function of the kernel is declared: .kfunc ${name}`;
  }
  if (!expected) return reason;
  const first = /^[A-Za-z_]+/.exec(text)?.[0];
  const near = first && !expected.includes('the end of the line') ? nearNames(first, WORDS) : [];
  if (near.length > 0 && near[0] !== first) return `${reason}; did you mean ${near.join(' or ')}?`;
  if (expected.length > MOST_EXPECTED) return reason;
  return `${reason}: here stands ${expected.join(', ').replace(/, ([^,]+)$/, ' or $1')}`;
}

/** First words of instructions. */
const WORDS = ['exit', 'call', 'goto', 'gotol', 'may_goto', 'if', 'lock', 'callx', 'store_release'];
