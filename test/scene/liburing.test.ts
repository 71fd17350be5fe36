/** The bundled scenes of programs/scenes/liburing, each over the kernels that have what it needs. */
import { describe, expect, test } from 'vitest';
import { buildScene, parseScene, SceneError } from '../../kernel-model/scene/index.ts';
import { newMachine } from '../kernel-model/support.ts';
import { LEFT } from './liburing-left.ts';
import { SceneFolder } from './scene-support.ts';

const scenes = new SceneFolder('liburing');

test('every scene is here', () => expect(Object.keys(LEFT).sort()).toEqual(scenes.names));

describe.each(scenes.names)('%s', (file) => {
  test.each(scenes.kernelsOf(file))('over %s', async (kernel) => {
    const built = await scenes.build(file, kernel);
    LEFT[file]?.(built);
    // Whatever state it is in, programs can read it.
    for (const program of ['ring_state', 'io_uring_file', 'bvec', 'task_file']) built.dump(program);
  });
});

describe('scenes that go wrong name the place', () => {
  const wrong = async (ring: string, events = '') => {
    const text = `tasks:\n  - pid: 100\n    rings:\n      - fd: 3\n${ring}${events}`;
    try {
      buildScene(parseScene(text, 's.yaml'), await newMachine('6.12'));
    } catch (error) {
      if (error instanceof SceneError) return error.message;
      throw error;
    }
    return 'built';
  };

  test('an entry with two operations, or none', async () => {
    expect(await wrong('        submit:\n          - { nop: true, close: { fd: 1 } }\n')).toMatch(
      /^s\.yaml:6:13: two fields/,
    );
    expect(await wrong('        submit:\n          - { data: 1 }\n')).toMatch(
      /^s\.yaml:6:13: needs one of: nop/,
    );
  });

  test('more entries than are left unsubmitted', async () => {
    const text = '        entries: 2\n        prepare:\n          - { nop: true, repeat: 3 }\n';
    expect(await wrong(text)).toBe('s.yaml:7:13: the submission queue is full');
  });

  test('completions that are not the expected ones', async () => {
    const ring = '        submit:\n          - { nop: true, data: 1 }\n';
    const event = (are: string) => `events:\n  - task: 100\n    completions: { fd: 3, are: ${are} }\n`;
    expect(await wrong(ring, event('[{ data: 2 }]'))).toBe(
      's.yaml:9:35: the completion is of 1, with result 0 and flags 0',
    );
    expect(await wrong(ring, event('[{ data: 1, result: ETIME }]'))).toMatch(
      /^s\.yaml:9:44: the completion is of 1/,
    );
    expect(await wrong(ring, event('[]'))).toMatch(
      /there is a further completion, of 1, with result 0 and flags 0$/,
    );
    expect(await wrong(ring, event('[{ data: 1 }, { data: 2 }]'))).toMatch(/there are only 1 completions$/);
  });

  test('a ring that is not enabled, and calls that fail', async () => {
    expect(await wrong('        flags: [R_DISABLED]\n        submit:\n          - { nop: true }\n')).toBe(
      's.yaml:6:9: io_uring_enter by task 100 fails with EBADFD: the ring is R_DISABLED; enable it first',
    );
    expect(await wrong('        register:\n          - enable: true\n')).toMatch(
      /^s\.yaml:6:1\d: register by task 100 fails with EBADFD: the ring is not R_DISABLED$/,
    );
  });

  test('a descriptor that is no ring', async () => {
    const event = 'events:\n  - { task: 100, submit: { fd: 9, entries: [] } }\n';
    expect(await wrong('        entries: 1\n', event)).toMatch(
      /descriptor 9 of task 100 is not an io_uring instance$/,
    );
  });
});
