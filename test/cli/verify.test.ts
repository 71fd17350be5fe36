/** drydock verify as a user meets it. Needs `npm run build`. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const main = join(root, 'dist', 'cli', 'main.js');

function verify(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'verify', ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

const object = (name: string) => join('programs', name, `${name}.bpf.o`);
/** Iterators over targets that stock kernels have, and over those of the series. */
const STOCK = ['task', 'task_file', 'task_vma', 'bpf_map', 'bpf_map_elem', 'seq_read'];
const SERIES = ['io_uring_buf', 'io_uring_file', 'epoll', 'bvec'];

describe('drydock verify', () => {
  it.each([...STOCK, ...SERIES])('accepts the bundled iterator %s', (name) => {
    const { status, stdout } = verify(object(name));
    expect(stdout).toMatch(
      /^programs\/\w+\/\w+\.bpf\.o \w+ \(iter\/\w+\): accepted, \d+ insns, \d+ states, stack [\d+]+$/m,
    );
    expect(status).toBe(0);
  });

  it.each([...STOCK, ...SERIES])('accepts the bundled iterator %s as Linux 6.1 would', (name) => {
    const { status, stdout } = verify(object(name), '--kernel', '6.1', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ kernel: '6.1', verdict: 'accepted' });
    expect(status).toBe(0);
  });

  it('prints one record a line as JSON', () => {
    const { status, stdout } = verify(object('task'), '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      object: object('task'),
      program: 'dump_task',
      section: 'iter/task',
      kernel: '6.12',
      mode: 'priv',
      verdict: 'accepted',
      errno: 0,
      stats: { insns_processed: 72, total_states: 3, stack_depth: '40' },
    });
    expect(status).toBe(0);
  });

  it('prints the log of the kernel', () => {
    const { stdout } = verify(object('task'), '--log', '2');
    expect(stdout).toContain('func#0 @0\n0: R1=ctx() R10=fp0\n; ');
    expect(stdout).toMatch(/processed 72 insns \(limit 1000000\) max_states_per_insn \d+ total_states 3/);
  });

  it('exits with 1 for a program that is rejected, with its reason', () => {
    const { status, stdout } = verify(object('task'), '--unpriv');
    expect(stdout).toContain(
      'rejected, EPERM\n  the task lacks the capabilities that this program type needs\n',
    );
    expect(status).toBe(1);
  });

  it('explains a rejection, for people and as JSON', () => {
    const wrong = [join('programs', 'rejected', 'bounds.bpf.o'), '--prog', 'stack_index_off_by_one'];
    const text = verify(...wrong);
    expect(text.status).toBe(1);
    expect(text.stdout).toContain('rejected, EINVAL\n  invalid variable-offset write to stack R4');
    expect(text.stdout).toContain("  > 83 | \tat[fd] = 'x';\n");
    expect(text.stdout).toMatch(/^ +10: if w2 > 0x40 goto pc\+16 +learnt +R2=scalar\(.*umax32=64/m);
    expect(text.stdout).toContain('\n  Try: Limit the offset in R4');
    expect(JSON.parse(verify(...wrong, '--json').stdout)).toMatchObject({
      verdict: 'rejected',
      insn: 16,
      source: { line: 83 },
      diagnosis: {
        category: 'out-of-bounds',
        reason: 'BAD_VARIABLE_STACK',
        register: 'R4',
        history: [
          { insn: 9, action: 'loaded', place: 'R2' },
          { insn: 10, action: 'refined', place: 'R2' },
          { insn: 14, action: 'computed', place: 'R4' },
        ],
      },
    });
  });

  it('prints what the verifier did as JSON lines', () => {
    const { status, stdout } = verify(object('task'), '--events', '--json');
    const records = stdout
      .trimEnd()
      .split('\n')
      .map((line): { kind?: string } => JSON.parse(line));
    const insns = records.filter(({ kind }) => kind === 'insn' || kind === 'prune');
    expect(insns).toHaveLength(72);
    expect(records.at(-1)).toMatchObject({ verdict: 'accepted', stats: { insns_processed: 72 } });
    expect(status).toBe(0);
  });

  it('verifies all programs of an object, whatever they attach to', () => {
    const { status, stdout } = verify(object('bpf_cr'), '--json');
    const records = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { program: string; verdict: string });
    expect(records.map(({ program, verdict }) => `${program} ${verdict}`)).toEqual([
      'find_fds accepted',
      'dump_files accepted',
      'dump_bufs accepted',
    ]);
    expect(status).toBe(0);
  });

  it('does not load for the stock kernel what needs the series, with the reason libbpf would give', () => {
    const { status, stdout } = verify(object('io_uring_buf'), '--stock', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'not-loaded', errno: 0 });
    expect(JSON.parse(stdout).message).toContain("failed to find kernel BTF type ID of 'io_uring_buf'");
    expect(status).toBe(1);
    expect(verify(object('task'), '--stock').status).toBe(0);
  });

  it('exits with 2 for bad input, and says what is wrong', () => {
    expect(verify('no-such.o')).toMatchObject({ status: 2, stdout: '' });
    expect(verify(object('task'), '--prog', 'nothing').stderr).toContain('the object has dump_task');
    expect(verify(object('task'), '--log', '9').status).toBe(2);
  });
});
