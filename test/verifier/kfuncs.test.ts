import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { assemble } from '../../bpf/asm.ts';
import { BtfKind } from '../../bpf/btf.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { openVerifierData } from '../../kernel-model/verifier-data-node.ts';
import { Verifier } from '../../verifier/index.ts';
import type { Verdict } from '../../verifier/verdict.ts';

const SYSCALL = 31;
const SLEEPABLE = 16;
const ROOT = 15;
const KFUNC_CALL = 0x2085;
const EACCES = 13;
const EINVAL = 22;

const { vmlinux } = openProfile('6.12');
let verifier: Verifier;

beforeAll(async () => {
  const wasm = readFileSync(new URL('../../build/verifier.wasm', import.meta.url));
  verifier = await Verifier.create({ wasm, kernel: { btf: vmlinux, data: openVerifierData('6.12') } });
});

/** Lines of assembly; "kfunc NAME" calls a function of the kernel. */
function verify(lines: string, license = 'GPL'): Verdict {
  const calls: string[] = [];
  const text = lines.replace(/^\s*kfunc (\w+)$/gm, (_, name: string) => {
    calls.push(name);
    return 'r0 = 1234567';
  });
  const insns = assemble(text);
  const view = new DataView(insns.buffer, insns.byteOffset);
  for (let at = 0; at < insns.length; at += 8) {
    if (view.getInt32(at + 4, true) !== 1234567) continue;
    view.setUint32(at, KFUNC_CALL, true);
    const name = calls.shift() ?? '';
    view.setUint32(at + 4, name === 'nothing' ? 0 : vmlinux.find(name, BtfKind.Func), true);
  }
  return verifier.verify({
    insns,
    progType: SYSCALL,
    expectedAttachType: 0,
    progFlags: SLEEPABLE,
    license,
    caps: ROOT,
    logLevel: 2,
    funcInfo: [],
    lineInfo: [],
    maps: [],
    attachBtfId: 0,
  });
}

const NEW = 'r1 = r10\nr1 += -8\nr2 = 0\nr3 = 3\nkfunc bpf_iter_num_new';
const NEXT = 'r1 = r10\nr1 += -8\nkfunc bpf_iter_num_next';
const DESTROY = 'r1 = r10\nr1 += -8\nkfunc bpf_iter_num_destroy';
const END = 'r0 = 0\nexit';

test('a loop over an iterator converges', () => {
  const loop = [NEW, 'r6 = 0', NEXT, 'if r0 == 0 goto pc+2', 'r6 += 1', 'goto pc-6', DESTROY, END];
  const verdict = verify(loop.join('\n'));
  expect(verdict).toMatchObject({ accepted: true, errno: 0 });
  expect(verdict.log).toContain('call bpf_iter_num_next#');
  expect(verdict.log).toMatch(/fp-8_?w?=iter_num\(ref_id=\d+,state=active,depth=0\)/);
});

test.each([
  ['an iterator that is not ended', `${NEW}\n${END}`, EINVAL, /^Unreleased reference id=\d+ alloc_insn=4$/],
  ['an iterator that was not made', `${NEXT}\n${END}`, EINVAL, 'expected an initialized iter_num as arg #0'],
  ['one made twice', `${NEW}\n${NEW}\n${END}`, EINVAL, 'expected uninitialized iter_num as arg #0'],
  [
    'one that is not on the stack',
    `r1 = 0\nr2 = 0\nr3 = 3\nkfunc bpf_iter_num_new\n${END}`,
    EINVAL,
    'arg#0 expected pointer to an iterator on stack',
  ],
  [
    'the end of a section that did not begin',
    `kfunc bpf_rcu_read_unlock\n${END}`,
    EINVAL,
    'unmatched rcu read unlock (kernel function bpf_rcu_read_unlock)',
  ],
  [
    'a section in a section',
    `kfunc bpf_rcu_read_lock\nkfunc bpf_rcu_read_lock\n${END}`,
    EINVAL,
    'nested rcu read lock (kernel function bpf_rcu_read_lock)',
  ],
  [
    'preemption enabled without need',
    `kfunc bpf_preempt_enable\n${END}`,
    EINVAL,
    'unmatched attempt to enable preemption (kernel function bpf_preempt_enable)',
  ],
  [
    'a function of other program types',
    `kfunc bpf_xdp_get_xfrm_state\n${END}`,
    EACCES,
    'calling kernel function bpf_xdp_get_xfrm_state is not allowed',
  ],
  [
    'a null pointer where a trusted one is wanted',
    `r1 = 0\nkfunc bpf_task_acquire\n${END}`,
    EACCES,
    'Possibly NULL pointer passed to trusted arg0',
  ],
  [
    'a call of nothing that is reached',
    `kfunc nothing\n${END}`,
    EINVAL,
    'invalid kernel function call not eliminated in verifier pass',
  ],
])('rejected: %s', (_, text, errno, message) => {
  const verdict = verify(text);
  expect(verdict).toMatchObject({ accepted: false, errno });
  expect(verdict.message).toMatch(message);
});

test('programs under other licences call no kernel functions', () => {
  const verdict = verify(`kfunc bpf_rcu_read_lock\n${END}`, 'Proprietary');
  expect(verdict).toMatchObject({
    errno: EINVAL,
    message: 'cannot call kernel function from non-GPL compatible program',
  });
});
