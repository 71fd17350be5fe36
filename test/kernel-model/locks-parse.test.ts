/** Lock scenes as text: what is refused, where and why. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { CALLS } from '../../kernel-model/locks/calls.ts';
import { parseLockScene, runLockScene } from '../../kernel-model/locks/index.ts';
import { POSTED } from '../../kernel-model/locks/scene.ts';
import schema from '../../kernel-model/locks/schema.json' with { type: 'json' };
import { sceneTexts } from './locks-support.ts';

function failure(text: string): string {
  try {
    parseLockScene(text, 's.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return (error as Error).message;
  }
  throw new Error('the scene was accepted');
}

const scene = (body: string, does: string) =>
  `expect: none\n${body}actors:\n  - name: t\n    does: [${does}]\n`;

describe('lock scenes', () => {
  test.each([
    ['actors: [\n', 's.yaml:2:1: not YAML'],
    ['', 's.yaml:1:1: field "expect" is missing'],
    ['expect: none\n', 's.yaml:1:1: field "actors" is missing'],
    ['expect: dedlock\nactors: [{ name: t, does: [] }]\n', 's.yaml:1:1: '],
    [scene('', '{ lok: a }'), 's.yaml:4:12: needs one of: lock, unlock, trylock, '],
    [scene('', '{ length: 3 }'), 's.yaml:4:12: needs one of: '],
    [
      scene('locks: [{ name: a }]\n', '{ lock: a, unlock: a }'),
      's.yaml:5:12: two fields that exclude each other',
    ],
    [scene('', '{ lock: a }'), 's.yaml:4:14: a is not among: mutexes'],
    [scene('locks: [{ name: a, kind: rwsem }]\n', '{ lock: a }'), 's.yaml:5:14: a is not among: mutexes'],
    [scene('locks: [{ name: a }, { name: a }]\n', ''), 's.yaml:2:22: the name a is taken'],
    [scene('variant: { start: spin }\n', ''), 's.yaml:2:12: must be one of: trylock, mutex_lock'],
    [scene('rings: [{ name: r, files: [x] }]\n', ''), 's.yaml:2:28: there is no file, link or iterator x'],
    [scene('rings: [{ name: r, files: [r] }]\n', ''), 's.yaml:2:28: there is no file, link or iterator r'],
    [scene('rings: [{ name: r }]\n', '{ register: r }'), 's.yaml:5:12: needs either "files" or "buffers"'],
    [scene('rings: [{ name: r }]\n', '{ enter: r }'), 's.yaml:5:12: "reads" has to name an iterator'],
    [scene('iterators: [{ name: i, target: epoll }]\n', ''), 's.yaml:2:13: "of" has to name one of: epolls'],
    [scene('links: [{ name: l, to: r }]\n', ''), 's.yaml:2:20: there is no ring or epoll instance r'],
    [scene('never_waits: [{ actor: t, for: u }]\n', ''), 's.yaml:2:27: there is no actor u'],
    [scene('', '{ forever: [] }'), 's.yaml:4:12: nothing to do forever'],
    [scene('epolls: [{ name: e }]\n', '{ epoll_add: e, fd: 3 }'), 's.yaml:5:12: needs "file" and "fd"'],
    [
      scene('files: [{ name: f, holds: [f] }]\n', ''),
      's.yaml:2:28: f is no file before it, link or iterator',
    ],
    [
      scene('files: [{ name: f, holds: [g] }, { name: g }]\n', ''),
      's.yaml:2:28: g is no file before it, link or iterator',
    ],
    [scene('epolls: [{ name: e }]\n', '{ epoll_add: e, file: r, fd: 3 }'), 'needs "file" and "fd"'],
    [scene('iterators: [{ name: i, target: fdinfo }]\n', ''), 's.yaml:2:13: "of" has to name one of: rings'],
    [`${'#'.repeat(1 << 18)}\n`, 's.yaml:1:1: longer than'],
  ])('%j', (text, message) => {
    expect(failure(text)).toContain(message);
  });

  test('the schema has every call and every variant that there is', () => {
    const { properties, oneOf } = schema.definitions.call;
    const calls = [...Object.keys(CALLS), 'forever'].sort();
    expect(oneOf.map(({ required: [key] }) => key).sort()).toEqual(calls);
    for (const call of calls) expect(Object.keys(properties)).toContain(call);
    expect(Object.keys(schema.properties.variant.properties).sort()).toEqual(Object.keys(POSTED).sort());
    for (const [name, value] of Object.entries(POSTED))
      expect(
        (schema.properties.variant.properties as { [n: string]: { enum: string[] } })[name]?.enum,
      ).toContain(value);
  });

  test('a table that changes for ever is refused, an endless loop of locks is not', () => {
    const forever = (does: string, more = '') => {
      const text = scene(
        `rings: [{ name: r }]\nfiles: [{ name: a }]\nlocks: [{ name: l }]\n${more}`,
        `{ forever: [${does}] }`,
      );
      return () => runLockScene(parseLockScene(text, 's.yaml').scene);
    };
    expect(forever('{ register: r, files: [a] }, { unregister: r }')).toThrow(InputError);
    expect(forever('{ lock: l }, { unlock: l }')()).toMatchObject({
      complete: true,
      findings: [],
      states: 3,
    });
    const submits = forever(
      '{ enter: r, reads: it }',
      'iterators: [{ name: it, target: io_uring_file, of: r }]\n',
    );
    expect(submits).toThrow(/io-wq of r more than 64 times/);
  });

  test('a scene that comes to too many steps is refused before it is explored', () => {
    const list = (count: number, item: (i: number) => string) =>
      Array.from({ length: count }, (_, i) => item(i)).join(', ');
    const items = list(64, (i) => `{ file: f${i}, fd: 1 }`);
    const text = [
      'expect: none',
      `files: [${list(64, (i) => `{ name: f${i} }`)}]`,
      'rings: [{ name: r }]',
      `epolls: [${list(8, (i) => `{ name: e${i}, items: [${items}] }`)}]`,
      `actors: [${list(12, (i) => `{ name: t${i}, does: [${list(200, () => '{ unregister: r }')}] }`)}]`,
    ].join('\n');
    expect(() => runLockScene(parseLockScene(text, 's.yaml').scene)).toThrow(/more than 100000 steps/);
  });

  test('any small scene is explored or refused, never more', () => {
    let explored = 0;
    fc.assert(
      fc.property(sceneTexts({ mistakes: true, maxCalls: 2 }), (text) => {
        try {
          const { scene: parsed } = parseLockScene(text, 's.json');
          runLockScene(parsed, { maxStates: 500 });
          explored++;
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
        }
      }),
      { seed: 11, numRuns: 600 },
    );
    expect(explored).toBeGreaterThan(50);
  });
});
