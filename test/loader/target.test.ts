/** Programs that attach to functions of other programs: which function, and why there is none. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BtfKind } from '../../bpf/btf.ts';
import { type AttachingProgram, loadObject, type ProgramTarget } from '../../loader/index.ts';
import { kernelBtf, program, readObject } from './support.ts';

const FENTRY = 24;
const TRACING = 26;
const EXT = 28;

function open(name: string, target?: (asking: AttachingProgram) => ProgramTarget | undefined) {
  const bytes = readFileSync(new URL(`../verifier/objects/${name}.bpf.o`, import.meta.url));
  const options = { file: `${name}.bpf.o`, kernelBtf, ...(target ? { target } : {}) };
  return loadObject(new Uint8Array(bytes), options);
}

const functions = open('functions');
const TC_MAIN: ProgramTarget = { object: functions, program: program(functions, 'tc_main') };
const idOf = (name: string) => functions.btf?.find(name, BtfKind.Func);

describe('the target of a replacement', () => {
  it('is the function that its section names', () => {
    const { attachTarget, error } = program(
      open('replace', () => TC_MAIN),
      'by_name',
    );
    expect(error).toBeUndefined();
    expect(attachTarget).toEqual({ name: 'scalar', btfId: idOf('scalar'), program: 'tc_main' });
    expect(attachTarget?.btfId).toBeGreaterThan(0);
  });

  it('is the function that is asked for, whatever the section says', () => {
    const object = open('replace', () => ({ ...TC_MAIN, func: 'wide' }));
    expect(program(object, 'by_name').attachTarget).toMatchObject({ name: 'wide', btfId: idOf('wide') });
    expect(program(object, 'int_int').attachTarget).toMatchObject({ name: 'wide', program: 'tc_main' });
  });

  it('has to be set', () => {
    expect(program(open('replace'), 'by_name').error).toMatch(/attach program FD is not set$/);
  });

  it('has to be named', () => {
    const object = open('replace', () => TC_MAIN);
    expect(program(object, 'int_int').error).toMatch(
      /no BTF-based attach target is specified, use bpf_program__set_attach_target\(\)$/,
    );
  });

  it('has to be in the BTF of the target program', () => {
    const { error } = program(
      open('replace', () => TC_MAIN),
      'by_wrong_name',
    );
    expect(error).toMatch(
      /failed to find BPF program BTF ID for 'no_such_function': it is not found in the BTF of program 'tc_main'$/,
    );
  });

  it('cannot be in a program without BTF', () => {
    const plain = open('plain');
    const target = { object: plain, program: program(plain, 'plain'), func: 'plain' };
    const { error } = program(
      open('replace', () => target),
      'int_int',
    );
    expect(error).toMatch(/the target program 'plain' doesn't have BTF$/);
  });
});

describe('who is asked for a target', () => {
  it('is every program that attaches to something with a BTF id, with what its section says', () => {
    const asked: AttachingProgram[] = [];
    open('trace', (asking) => {
      asked.push(asking);
      return undefined;
    });
    expect(asked).toContainEqual({
      name: 'enter_scalar',
      type: TRACING,
      attachType: FENTRY,
      target: 'scalar',
    });
    expect(asked).toContainEqual({ name: 'enter', type: TRACING, attachType: FENTRY });
    const kinds = new Set(asked.map(({ type }) => type));
    expect([...kinds]).toEqual([TRACING]);
  });

  it('is not a program that attaches in another way', () => {
    open('functions', ({ name }) => {
      throw new Error(`${name} has no target`);
    });
  });

  it('attaches to the kernel when there is no target', () => {
    const object = open('replace', ({ type }) => (type === EXT ? TC_MAIN : undefined));
    expect(program(object, 'by_name').attachTarget?.program).toBe('tc_main');
    expect(
      program(
        open('trace', () => undefined),
        'enter_scalar',
      ).error,
    ).toContain("'scalar'");
  });
});

describe('the byte order of the machine', () => {
  const load = (name: string, byteOrder: 'little' | 'big') =>
    loadObject(readObject(name), { file: `${name}.bpf.o`, kernelBtf, byteOrder }).programs.map(
      ({ error }) => error,
    );

  it('is that of the object, or no program can be loaded', () => {
    const reason = 'elf: endianness mismatch: the object is big-endian, the kernel little-endian';
    const errors = load('core.be', 'little');
    expect(errors.length).toBeGreaterThan(0);
    expect(new Set(errors)).toEqual(new Set([reason]));
    expect(new Set(load('iter', 'big'))).toEqual(
      new Set(['elf: endianness mismatch: the object is little-endian, the kernel big-endian']),
    );
  });

  it('is no matter when it is not told, or when it is the same', () => {
    expect(load('link', 'little')).toEqual(load('link.be', 'big'));
    expect(load('link', 'little').every((error) => error === undefined)).toBe(true);
  });
});
