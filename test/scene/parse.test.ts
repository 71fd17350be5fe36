import { readdirSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parseScene } from '../../kernel-model/scene/parse.ts';
import { SceneError } from '../../kernel-model/scene/scene-error.ts';
import schema from '../../kernel-model/scene/schema.json' with { type: 'json' };

const bundled = new URL('../../programs/scenes/', import.meta.url);

function failure(text: string): string {
  try {
    parseScene(text, 's.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(SceneError);
    return (error as SceneError).message;
  }
  throw new Error('the scene was accepted');
}

describe('scene files', () => {
  it.each(readdirSync(bundled).filter((name) => name.endsWith('.yaml')))('%s is valid', (name) => {
    const { scene } = parseScene(readFileSync(new URL(name, bundled), 'utf8'), name);
    expect(scene.tasks?.length).toBeGreaterThan(0);
  });

  it('are described by a schema that is one', () => {
    const ajv = new Ajv({ allowUnionTypes: true, strictRequired: false });
    expect([ajv.validateSchema(schema), ajv.errors ?? []]).toEqual([true, []]);
    expect(ajv.validateSchema({ ...schema, type: 'thing' })).toBe(false);
  });

  it('takes an empty file as an empty world', () => {
    expect(parseScene('', 's.yaml').scene).toEqual({});
    expect(parseScene('# nothing\n', 's.yaml').scene).toEqual({});
  });

  it.each([
    ['tasks: [\n', 's.yaml:2:1: not YAML: '],
    ['tasks:\n  - pid: 1\n    pid: 2\n', 's.yaml:3:5: not YAML: Map keys must be unique'],
    ['tasks: 3\n', 's.yaml:1:1: must be a list'],
    ['- 1\n', 's.yaml:1:1: must be a mapping of fields'],
    ['tasks:\n  - pid: 1\n    comn: x\n', 's.yaml:3:5: unknown field "comn"'],
    ['tasks:\n  - comm: x\n', 's.yaml:2:5: field "pid" is missing'],
    ['tasks:\n  - pid: x\n', 's.yaml:2:5: must be a whole number'],
    ['tasks:\n  - pid: 1\n    files:\n      - fd: 3\n', 's.yaml:4:9: needs one of: open, dup, pipe, '],
    [
      'tasks:\n  - pid: 1\n    files:\n      - { open: /x, dup: 3 }\n',
      's.yaml:4:9: two fields that exclude each other',
    ],
    ['tasks:\n  - pid: 1\n    files:\n      - open: x\n', 's.yaml:4:9: is not written as expected'],
    ['tasks:\n  - pid: 1\n    files:\n      - pipe: yes\n', 's.yaml:4:9: must be true'],
    [
      'tasks:\n  - pid: 1\n    rings:\n      - flags: [SQPOL]\n',
      's.yaml:4:17: must be one of: IOPOLL, SQPOLL',
    ],
    [
      'tasks:\n  - pid: 1\n    rings:\n      - register:\n          - buffers:\n              - { address: 1 }\n',
      's.yaml:6:17: field "length" is missing',
    ],
    [
      'tasks:\n  - pid: 1\n    rings:\n      - register:\n          - buffers: [nothing]\n',
      's.yaml:5:23: must be "none" or a mapping of fields',
    ],
    ['tasks: &a\n  - *a\n', 's.yaml:'],
    ['a: *nobody\n', 's.yaml:1:1: not YAML: '],
  ])('%j', (text, message) => {
    expect(failure(text)).toContain(message);
  });

  it('survives deep nesting and alias bombs', () => {
    expect(failure(`a: ${'['.repeat(200_000)}`)).toContain('s.yaml:');
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x,x]'];
    for (let i = 0; i < 9; i++) {
      const next = String.fromCharCode(98 + i);
      bomb.push(
        `${next}: &${next} [${Array(10)
          .fill(`*${String.fromCharCode(97 + i)}`)
          .join(',')}]`,
      );
    }
    expect(failure(bomb.join('\n'))).toContain('not YAML');
    expect(failure(`# ${'x'.repeat(5 << 20)}`)).toContain('longer than');
  });
});
