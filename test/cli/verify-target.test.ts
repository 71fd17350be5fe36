/** drydock verify --target, foreign byte order and typeless symbols, as a user meets them. Needs `npm run build`. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const main = join(root, 'dist', 'cli', 'main.js');
const object = (name: string) => join('test', 'verifier', 'objects', `${name}.bpf.o`);

function verify(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'verify', ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

/** Verifies one program as JSON. */
function one(name: string, program: string, ...args: string[]) {
  const { stdout } = verify(object(name), '--prog', program, '--json', ...args);
  return JSON.parse(stdout) as { verdict: string; errno: number; message: string };
}

const TC_MAIN = `${object('functions')}:tc_main`;

describe('drydock verify --target', () => {
  it('is named by the message that a replacement without one gets', () => {
    const { verdict, message } = one('replace', 'by_name');
    expect(verdict).toBe('not-loaded');
    expect(message).toContain('attach program FD is not set; name the program with --target');
  });

  it('is what programs replace a function of', () => {
    expect(one('replace', 'by_name', '--target', TC_MAIN).verdict).toBe('accepted');
    expect(one('replace', 'int_two', '--target', `${TC_MAIN}=scalar`)).toMatchObject({
      verdict: 'rejected',
      errno: 22,
      message: 'int_two() has 2 args while scalar() has 1 args',
    });
  });

  it('is what programs trace that name a function of it; others trace the kernel', () => {
    const { stdout } = verify(
      object('trace'),
      '--prog',
      'enter_scalar',
      'enter_nothing',
      'raw',
      '--target',
      TC_MAIN,
    );
    expect(stdout).toMatch(/enter_scalar \(fentry\/scalar\): accepted/);
    expect(stdout).toContain("failed to find kernel BTF type ID of 'no_such_function'");
    expect(stdout).toMatch(/raw \(tp_btf\/sys_enter\): accepted/);
  });

  it('makes a chain when repeated', () => {
    const chain = ['--target', `${TC_MAIN}=skb_len`, '--target', `${object('replace')}:skb_reads=skb_reads`];
    expect(one('trace', 'enter_skb', ...chain).verdict).toBe('accepted');
    expect(one('replace', 'skb_reads', ...chain)).toMatchObject({
      verdict: 'rejected',
      message: 'Cannot recursively attach',
    });
  });

  it('has to be accepted itself', () => {
    const rejected = `${object('replace')}:int_two`;
    const { status, stderr } = verify(object('trace'), '--target', `${TC_MAIN}=scalar`, '--target', rejected);
    expect(status).toBe(2);
    expect(stderr).toContain(
      'the target program "int_two" is rejected (errno 22): int_two() has 2 args while scalar() has 1 args',
    );
  });

  it('has to be one program, and loadable', () => {
    expect(verify(object('trace'), '--target', object('functions')).stderr).toMatch(
      /a target is one program: say which .*there are: .*tc_main/,
    );
    expect(verify(object('trace'), '--target', `${object('functions')}:nothing`)).toMatchObject({
      status: 2,
    });
    expect(verify(object('trace'), '--target', 'no-such.o').stderr).toContain('there is no such file');
    expect(verify(object('trace'), '--target', `${object('functions.be')}:tc_main`).stderr).toContain(
      'cannot be loaded: elf: endianness mismatch',
    );
  });
});

describe('drydock verify', () => {
  it('says of objects of the other byte order that this kernel does not load them', () => {
    const { status, stdout } = verify(object('functions.be'));
    expect(status).toBe(1);
    expect(stdout).toContain(
      'not-loaded\n  elf: endianness mismatch: the object is big-endian, the kernel little-endian\n',
    );
  });

  it("finds symbols without a type in the kernel's list", () => {
    expect(one('ksym-found', 'uses_symbol').verdict).toBe('accepted');
    expect(one('ksym-missing', 'uses_symbol')).toMatchObject({
      verdict: 'not-loaded',
      message: "extern 'no_such_thing' (strong): not resolved",
    });
    expect(one('ksym-ambiguous', 'uses_symbol')).toMatchObject({
      verdict: 'not-loaded',
      message: "extern (ksym) 'type_show': resolution is ambiguous",
    });
  });
});
