/** The editor's language: colours, completion, problems, explanations; without a browser. */
import { readFileSync } from 'node:fs';
import { CompletionContext } from '@codemirror/autocomplete';
import { ensureSyntaxTree } from '@codemirror/language';
import { EditorState, type Extension } from '@codemirror/state';
import { classHighlighter, highlightTree } from '@lezer/highlight';
import { describe, expect, it } from 'vitest';
import { parseAssembly } from '../../assembly/index.ts';
import { completionsFor } from '../../playground/assembly/completion.ts';
import { explain } from '../../playground/assembly/explain.ts';
import { helperDocs } from '../../playground/assembly/helper-docs.ts';
import { highlighting } from '../../playground/assembly/highlight.ts';
import { diagnosticsOf, problems } from '../../playground/assembly/problems.ts';

const DOCS = helperDocs(
  readFileSync(new URL('../../kernel-model/profiles/6.12/helpers.json', import.meta.url), 'utf8'),
);

function stateOf(text: string, extensions: Extension = []): EditorState {
  return EditorState.create({ doc: text, extensions });
}

/** Labels offered at the mark "|". */
function offered(marked: string, explicit = false): string[] {
  const pos = marked.lastIndexOf('|');
  const state = stateOf(marked.slice(0, pos) + marked.slice(pos + 1));
  const found = completionsFor(() => DOCS)(new CompletionContext(state, pos, explicit));
  return found ? found.options.map(({ label }) => label) : [];
}

describe('colours', () => {
  function colours(text: string): [string, string][] {
    const state = stateOf(text, highlighting);
    const found: [string, string][] = [];
    highlightTree(ensureSyntaxTree(state, text.length)!, classHighlighter, (from, to, classes) => {
      found.push([text.slice(from, to), classes.split(' ')[0]!.replace('tok-', '')]);
    });
    return found;
  }

  it.each<[string, [string, string][]]>([
    [
      '.type xdp ; why',
      [
        ['.type', 'meta'],
        ['xdp', 'typeName'],
        ['; why', 'comment'],
      ],
    ],
    [
      '.map m hash key 4',
      [
        ['.map', 'meta'],
        ['m', 'labelName'],
        ['hash', 'typeName'],
        ['key', 'keyword'],
        ['4', 'number'],
      ],
    ],
    [
      '.data m "x\\"y"',
      [
        ['.data', 'meta'],
        ['m', 'labelName'],
        ['"x\\"y"', 'string'],
      ],
    ],
    [
      'out: if r1 s> 0x5 goto out // x',
      [
        ['out', 'labelName'],
        ['if', 'keyword'],
        ['r1', 'variableName'],
        ['0x5', 'number'],
        ['goto', 'keyword'],
        ['out', 'labelName'],
        ['// x', 'comment'],
      ],
    ],
    [
      'call bpf_loop#181',
      [
        ['call', 'keyword'],
        ['bpf_loop#181', 'variableName'],
      ],
    ],
    [
      'r1 = map[m][0]',
      [
        ['r1', 'variableName'],
        ['map', 'keyword'],
        ['m', 'labelName'],
        ['0', 'number'],
      ],
    ],
    [
      'lock *(u64 *)(r0 + 8) += w1',
      [
        ['lock', 'keyword'],
        ['u64', 'typeName'],
        ['r0', 'variableName'],
        ['8', 'number'],
        ['w1', 'variableName'],
      ],
    ],
  ])('%s', (text, expected) => {
    expect(colours(text)).toEqual(expected);
  });
});

describe('completion', () => {
  it.each([
    ['.t|', '.type'],
    ['.type x|', 'xdp.frags'],
    ['.section it|', 'iter'],
    ['.map m |', 'percpu_hash'],
    ['.map m hash k|', 'key'],
    ['.map m hash key 4 flags n|', 'no_prealloc'],
    ['.flags s|', 'sleepable'],
    ['.map m ringbuf entries 1\nr1 = map[|', 'm'],
    ['again: exit\ngoto |', 'again'],
    ['sub: exit\ncall s|', 'sub'],
    ['call bpf_map|', 'bpf_map_lookup_elem'],
    ['r1 = r|', 'r10'],
    ['st|', 'store'],
    ['a: ca|', 'call'],
  ])('%s', (text, label) => {
    expect(offered(text)).toContain(label);
  });

  it('is quiet in comments and where nothing is begun', () => {
    expect(offered('exit ; ca|')).toEqual([]);
    expect(offered('|')).toEqual([]);
    expect(offered('|', true)).toContain('call');
  });

  it('says what helpers take and return', () => {
    expect(DOCS.get('bpf_map_lookup_elem')).toEqual({
      call: 'bpf_map_lookup_elem(map, key)',
      returns: 'address of a map’s value or NULL',
      gplOnly: false,
    });
    expect(DOCS.get('bpf_get_current_task_btf')?.returns).toBe('struct task_struct');
    expect(DOCS.size).toBeGreaterThan(200);
    for (const { call, returns } of DOCS.values()) expect(call + returns).not.toMatch(/ARG_|RET_|undefined/);
  });
});

describe('problems', () => {
  it('are the assembler’s and those of others, in the places they name', () => {
    const text = '.type xdp\n  r0 = 0\n  bad\n  exit';
    const others = [
      { line: 2, message: 'from the verifier', severity: 'warning' as const },
      { line: 99, message: 'of another text', severity: 'error' as const },
    ];
    const found = diagnosticsOf(stateOf(text, problems.of(others)));
    expect(found.map(({ from, to, source }) => [text.slice(from, to), source])).toEqual([
      ['r0 = 0', 'verifier'],
      ['bad', 'assembler'],
    ]);
  });
});

describe('explanations', () => {
  const source = parseAssembly('.type xdp\n  r1 = 5 ll\n  call bpf_ktime_get_ns\n\nexit');
  it.each([
    [2, { slots: 'slots 0 and 1', text: 'r1 = 0x5', bytes: `18 01 00 00 05 ${'00 '.repeat(11)}`.trim() }],
    [3, { slots: 'slot 2', helper: 'bpf_ktime_get_ns() returns a number' }],
    [5, { slots: 'slot 3', opcode: 'opcode 0x95: exit, since Linux 3.18', bytes: '95 00 00 00 00 00 00 00' }],
  ])('line %i', (line, expected) => {
    expect(explain(source, line, DOCS)).toMatchObject(expected);
  });

  it('are none for other lines', () => expect(explain(source, 1, DOCS)).toBeUndefined());
});
