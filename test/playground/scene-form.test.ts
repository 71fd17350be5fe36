/** What the form of the Run view does to the text of a scene. */
import { describe, expect, it } from 'vitest';
import { parseScene } from '../../kernel-model/scene/index.ts';
import { addItem, plain, removeValue, scalarOf, setValue } from '../../playground/run/scene/document.ts';
import {
  blank,
  fieldOf,
  optionOf,
  resolve,
  SCENE,
  type SchemaNode,
  summary,
} from '../../playground/run/scene/schema.ts';
import { sceneText } from '../programs/support.ts';

const SCENES = ['demo', 'io_uring_buf', 'io_uring_file', 'epoll', 'checkpoint'];
const TEXT = `# a scene
tasks:
  - pid: 100 # the server

    comm: server
    files:
      - { fd: 3, open: /dev/null } # in
    mappings:
      - { name: heap, address: 0x7f0000000000, length: 1M }
`;

describe('an edit', () => {
  it.each(SCENES)('of %s that changes nothing changes nothing that counts', (name) => {
    const text = sceneText(name);
    const pid = ['tasks', 0, 'pid'];
    const again = setValue(
      text,
      pid,
      scalarOf(String((plain(text) as { tasks: { pid: number }[] }).tasks[0]?.pid)),
    );
    expect(plain(again)).toEqual(plain(text));
    const comments = (of: string) => of.split('\n').filter((line) => line.includes('#')).length;
    expect(comments(again)).toBe(comments(text));
  });

  it('leaves comments, blank lines and the way numbers are written', () => {
    const text = setValue(TEXT, ['tasks', 0, 'comm'], 'other');
    expect(text).toBe(TEXT.replace('comm: server', 'comm: other'));
    expect(setValue(TEXT, ['tasks', 0, 'mappings', 0, 'length'], scalarOf('0x2000'))).toBe(
      TEXT.replace('1M', '0x2000'),
    );
    expect(setValue(TEXT, ['tasks', 0, 'pid'], scalarOf('7'))).toBe(TEXT.replace('pid: 100', 'pid: 7'));
  });

  it('adds to lists in the way that they are written', () => {
    expect(addItem(TEXT, ['tasks', 0, 'files'], { fd: 4, eventfd: 0 })).toBe(
      TEXT.replace('# in\n', '# in\n      - { fd: 4, eventfd: 0 }\n'),
    );
    expect(addItem(TEXT, ['tasks'], { pid: 101 })).toBe(`${TEXT}  - pid: 101\n`);
  });

  it('makes what is not there', () => {
    const rings = addItem(TEXT, ['tasks', 0, 'rings'], { fd: 5 });
    const buffers = addItem(rings, ['tasks', 0, 'rings', 0, 'register'], {
      buffers: [{ address: 'heap', length: '4K' }],
    });
    expect(parseScene(buffers, 'x').scene.tasks?.[0]?.rings).toEqual([
      { fd: 5, register: [{ buffers: [{ address: 'heap', length: '4K' }] }] },
    ]);
    expect(buffers).toBe(
      `${TEXT}    rings:\n      - fd: 5\n        register:\n          - buffers:\n              - address: heap\n                length: 4K\n`,
    );
    expect(addItem('tasks: []\n', ['tasks'], { pid: 9 })).toBe('tasks:\n  - pid: 9\n');
    expect(plain(addItem('# nothing\n', ['tasks'], { pid: 9 }))).toEqual({ tasks: [{ pid: 9 }] });
    expect(plain(setValue('', ['kernel'], '6.12'))).toEqual({ kernel: '6.12' });
  });

  it('takes out', () => {
    expect(plain(removeValue(TEXT, ['tasks', 0, 'files', 0]))).toMatchObject({ tasks: [{ files: [] }] });
    expect(removeValue(TEXT, ['tasks', 0, 'comm'])).toContain('# the server');
  });

  it('leaves text that is no YAML alone', () => {
    expect(setValue('a: [', ['tasks'], [])).toBe('a: [');
    expect(plain('a: [')).toBeUndefined();
  });

  it('takes what a user types as YAML would', () => {
    expect(plain(setValue('', ['x'], scalarOf('0x10')))).toEqual({ x: '0x10' });
    expect(plain(setValue('', ['x'], scalarOf('16')))).toEqual({ x: 16 });
    expect(setValue('', ['x'], scalarOf('0x10'))).toBe('x: 0x10\n');
    for (const text of ['heap + 4K', 'true', 'null', '', '{ a: 1 }', '- 5', '#5']) {
      expect(plain(setValue('', ['x'], scalarOf(text))), text).toEqual({ x: text });
    }
  });
});

describe('the fields', () => {
  /** Paths of the schema down to a depth. */
  function* everything(node: SchemaNode, depth: number): Generator<SchemaNode> {
    yield node;
    if (depth === 0) return;
    const field = fieldOf(node);
    if (field.kind === 'group')
      for (const each of Object.values(field.members)) yield* everything(each, depth - 1);
    if (field.kind === 'list') yield* everything(field.item, depth - 1);
    if (field.kind === 'either') for (const each of field.options) yield* everything(each, depth - 1);
  }

  it('are there for all of the format', () => {
    let count = 0;
    for (const node of everything(SCENE, 8)) {
      count++;
      const { properties, items, anyOf } = resolve(node);
      const { kind } = fieldOf(node);
      if (properties) expect(kind).toBe('group');
      else if (items) expect(['list', 'choices']).toContain(kind);
      else if (anyOf && anyOf.length > 1) expect(kind).toBe('either');
      expect(() => blank(node)).not.toThrow();
    }
    expect(count).toBeGreaterThan(500);
  });

  it('tell the forms of a value apart', () => {
    const options = (name: string) => {
      const field = fieldOf(SCENE.definitions[name] as SchemaNode);
      if (field.kind !== 'either') throw new Error(name);
      return field.options;
    };
    expect(['none', { address: 1, length: 2 }].map((value) => optionOf(options('buffer'), value))).toEqual([
      0, 1,
    ]);
    expect([5, 'none', { fd: 1 }].map((value) => optionOf(options('slot'), value))).toEqual([0, 0, 1]);
  });

  it('begin with what the format asks for', () => {
    const task = SCENE.definitions.task as SchemaNode;
    expect(blank(task)).toEqual({ pid: 100 });
    expect(blank(task, [{ pid: 3 }, { pid: 240 }])).toEqual({ pid: 300 });
    expect(parseScene(addItem('', ['tasks'], blank(task)), 'x').scene.tasks).toEqual([{ pid: 100 }]);
  });

  it('sum up items', () => {
    expect(summary({ fd: 3, open: '/dev/null' })).toBe('fd 3 · open /dev/null');
    expect(summary({ fd: [30, 31], pipe: true })).toBe('fd 30, 31 · pipe');
    expect(summary('none')).toBe('none');
  });
});

describe('a scene with values of other kinds than the form has', () => {
  it.each([
    ['tasks: [5]', ['tasks', 0, 'pid']],
    ['tasks: [null]', ['tasks', 0, 'pid']],
    ['tasks: much', ['tasks', 0, 'pid']],
    ['tasks: { a: 1 }', ['tasks', 0, 'pid']],
    ['tasks: [{ pid: 7, files: { fd: 3 } }]', ['tasks', 0, 'files', 0, 'fd']],
  ] as const)('takes edits all the same: %s', (text, path) => {
    const made = setValue(text, path, 9);
    const at = path.reduce<unknown>(
      (value, part) => (value as { [part: string]: unknown })[part],
      plain(made),
    );
    expect(at).toBe(9);
    expect(() => removeValue(text, path)).not.toThrow();
    expect(plain(addItem(text, path.slice(0, -2), { pid: 8 }))).toBeDefined();
  });

  it('writes a reference out before it is edited', () => {
    const made = setValue('tasks:\n  - &a { pid: 7, comm: a }\n  - *a\n', ['tasks', 1, 'pid'], 8);
    expect(plain(made)).toEqual({
      tasks: [
        { pid: 7, comm: 'a' },
        { pid: 8, comm: 'a' },
      ],
    });
  });
});
