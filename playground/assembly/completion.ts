/** What can be written next. */
import {
  type Completion,
  type CompletionContext,
  type CompletionResult,
  snippetCompletion,
} from '@codemirror/autocomplete';
import { DIRECTIVES, MAP_WORDS, SECTION_NAMES } from '../../assembly/directives.ts';
import { MAP_FLAGS, PROGRAM_FLAGS } from '../../assembly/flags.ts';
import { MAP_TYPES } from '../../assembly/map-types.ts';
import { HELPER_NAMES } from '../../assembly/parse.ts';
import type { AssemblySource } from '../../assembly/source.ts';
import type { HelperDocs } from './helper-docs.ts';
import { sourceOf } from './source-cache.ts';

const LICENSES = ['GPL', 'GPL v2', '"Dual BSD/GPL"', '"Dual MIT/GPL"', 'Proprietary'];

/** Behind these something is offered before a letter is written. */
const BEGINS = /\b(call|goto|gotol|may_goto)\s+$|\b(map|subprog)\[$|^\s*\.\w+\s(.*\s)?$/;

/** What is written before the cursor decides. */
export function completionsFor(docs: () => HelperDocs) {
  return (context: CompletionContext): CompletionResult | null => {
    const line = context.state.doc.lineAt(context.pos);
    const before = line.text.slice(0, context.pos - line.from);
    if (/^[^"]*(;|\/\/)/.test(before)) return null;
    const word = /[\w.$/|]*$/.exec(before)![0];
    if (word === '' && !context.explicit && !BEGINS.test(before)) return null;
    const start = before.slice(0, before.length - word.length);
    const options = optionsAt(start, word, () => sourceOf(context.state), docs());
    if (options.length === 0) return null;
    return { from: context.pos - word.length, options, validFor: /^[\w.$/]*$/ };
  };
}

function optionsAt(
  start: string,
  word: string,
  source: () => AssemblySource,
  docs: HelperDocs,
): readonly Completion[] {
  const directive = /^\s*(\.\w+)\s+(.*)$/.exec(start);
  if (directive) return directiveOptions(directive[1]!, directive[2]!.trim(), source);
  if (/\bcall\s+$/.test(start)) return [...labels(source()), ...kfuncs(source()), ...helpers(docs)];
  if (/\b(goto|gotol|may_goto)\s+$|\bsubprog\[\s*$/.test(start)) return labels(source());
  if (/\bmap\[\s*$/.test(start)) return maps(source());
  if (/^\s*([\w.$]+:\s*)?$/.test(start)) return word.startsWith('.') ? DIRECTIVE_OPTIONS : STATEMENTS;
  return /^[rw]?\d*$/.test(word) ? REGISTERS : [];
}

function directiveOptions(
  directive: string,
  said: string,
  source: () => AssemblySource,
): readonly Completion[] {
  const count = said === '' ? 0 : said.split(/\s+/).length;
  switch (directive) {
    case '.type':
    case '.section':
      return count === 0 ? SECTIONS : [];
    case '.license':
      return count === 0 ? named(LICENSES, 'constant') : [];
    case '.flags':
      return named([...PROGRAM_FLAGS.keys()], 'constant');
    case '.data':
      return count === 0 ? maps(source()) : [];
    case '.map':
      if (count === 1) return MAP_TYPE_OPTIONS;
      if (/\bflags$/.test(said)) return named([...MAP_FLAGS.keys()], 'constant');
      if (/\binner$/.test(said)) return maps(source());
      return count > 1 ? named(MAP_WORDS, 'keyword') : [];
    default:
      return [];
  }
}

function named(names: readonly string[], type: string, detail?: string): Completion[] {
  return names.map((label) => ({ label, type, ...(detail === undefined ? {} : { detail }) }));
}

/** By number. */
const REGISTER_USES: readonly (string | undefined)[] = [
  'result',
  'context at the start; first argument',
  'second argument',
  'third argument',
  'fourth argument',
  'fifth argument',
  'outlives calls',
  'outlives calls',
  'outlives calls',
  'outlives calls',
  'frame pointer: the stack ends here',
];

const REGISTERS: readonly Completion[] = Array.from({ length: 11 }, (_, number) => number).flatMap(
  (number) => [
    {
      label: `r${number}`,
      type: 'variable',
      ...(REGISTER_USES[number] ? { detail: REGISTER_USES[number] } : {}),
    },
    { label: `w${number}`, type: 'variable', detail: `lower half of r${number}`, boost: -1 },
  ],
);

const SECTIONS = named(SECTION_NAMES, 'type');

const MAP_TYPE_OPTIONS: readonly Completion[] = MAP_TYPES.map(({ name, key, value, entries }) => {
  const sizes = { key, value, entries };
  const needed = Object.entries(sizes).flatMap(([size, given]) => (given === undefined ? [size] : []));
  return { label: name, type: 'type', detail: needed.length > 0 ? `needs ${needed.join(', ')}` : '' };
});

const DIRECTIVE_USES: Record<(typeof DIRECTIVES)[number], string> = {
  '.type': 'type of the program: xdp, tc, socket, iter/task …',
  '.section': 'the same, by the name of a section',
  '.license': 'GPL opens the helpers for GPL programs',
  '.flags': 'flags of the program: sleepable …',
  '.map': 'a map: name, type, sizes',
  '.data': 'what the value of a map begins with',
  '.kfunc': 'a function of the kernel that is called',
  '.module': 'a module that instructions name by number',
};

const DIRECTIVE_OPTIONS: readonly Completion[] = DIRECTIVES.map((label) => ({
  label,
  type: 'namespace',
  detail: DIRECTIVE_USES[label],
  apply: `${label} `,
}));

/** Fields stand in angle brackets. */
const SNIPPETS: readonly (readonly [template: string, label: string, detail: string])[] = [
  ['r<0> = <1>', 'mov', 'put a number or a register into a register'],
  ['r<0> += <1>', 'add', 'also -= *= /= %= &= |= ^= <<= >>= s>>='],
  ['r<0> = *(u<64> *)(r<1> + <0>)', 'load', 'read memory: u8, u16, u32, u64'],
  ['*(u<64> *)(r<10> - <8>) = r<1>', 'store', 'write memory'],
  ['if r<0> == <0> goto <label>', 'if', 'also != > >= < <= s> s>= s< s<= &'],
  ['goto <label>', 'goto', 'jump'],
  ['call <bpf_ktime_get_ns>', 'call', 'a helper, a function of the program or of the kernel'],
  ['r<1> = map[<name>]', 'map', 'address of a map'],
  ['r<1> = map[<name>][0]', 'map value', 'address of the value of a one-element array'],
  ['r<1> = <0x100000000> ll', 'constant of 64 bits', 'takes two slots'],
  ['r<1> = subprog[<label>]', 'callback', 'address of a function, for bpf_loop and the like'],
  ['lock *(u64 *)(r<1> + <0>) += r<2>', 'lock', 'atomic; also |= &= ^='],
  ['r<1> = be<16> r<1>', 'be16', 'to network order'],
  ['exit', 'exit', 'return r0'],
];

const STATEMENTS: readonly Completion[] = [
  ...SNIPPETS.map(([template, label, detail]) =>
    snippetCompletion(numbered(template), { label, detail, type: 'keyword' }),
  ),
  ...REGISTERS,
];

/** Fields are filled in from left to right, those with the same text too. */
function numbered(template: string): string {
  let count = 0;
  return template.replace(/<(\w+)>/g, (_, text: string) => `\${${++count}:${text}}`);
}

function labels({ labels: found }: AssemblySource): Completion[] {
  return [...found].map(([label, slot]) => ({ label, type: 'constant', detail: `slot ${slot}`, boost: 1 }));
}

function maps(source: AssemblySource): Completion[] {
  return source.maps.map((map) => {
    const type = MAP_TYPES.find(({ number }) => number === map.type)?.name ?? 'map';
    return { label: map.name, type: 'variable', detail: `${type}, values of ${map.valueSize} bytes` };
  });
}

function kfuncs(source: AssemblySource): Completion[] {
  return named(
    source.kfuncs.map((kfunc) => kfunc.name),
    'function',
    'of the kernel',
  );
}

function helpers(docs: HelperDocs): Completion[] {
  return HELPER_NAMES.map((label) => {
    const doc = docs.get(label);
    if (!doc) return { label, type: 'function' };
    const info = `${doc.call}\nreturns ${doc.returns}${doc.gplOnly ? '; for GPL programs only' : ''}`;
    return { label, type: 'function', info };
  });
}
