/** drydock run for programs that are no iterators. Needs `npm run build`. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeCapture } from '../../session/pcap.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** SEC("xdp") int prog(struct xdp_md *ctx) { return 42; } */
const OBJECT = 'test/conformance/golden/xdp-returns-42.bpf.o';
const FRAME = `${'00'.repeat(12)}0806`;

function drydock(...args: string[]) {
  const command = [join(root, 'dist/cli/main.js'), 'run', ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8' });
  return { status, stdout, stderr };
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drydock-test-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('drydock run of a program that is no iterator', () => {
  it('prints the return value and the packet', () => {
    const { status, stdout } = drydock(OBJECT, '--data', FRAME);
    expect(stdout).toBe(`retval 42\ndata_out ${FRAME}\ninsns 2\n`);
    expect(status).toBe(0);
  });

  it('reads the packet from a file, and gives a record', () => {
    const path = join(folder, 'packet');
    writeFileSync(path, Buffer.from(FRAME, 'hex'));
    const { stdout } = drydock(OBJECT, '--data', path, '--repeat', '3', '--json');
    expect(JSON.parse(stdout)).toEqual({
      object: OBJECT,
      program: 'prog',
      retval: 42,
      data_out: FRAME,
      output: '',
      trace_pipe: '',
      ctx_out: null,
      maps: {},
      insns_executed: 6,
      tier: 'interpreter',
      fault: null,
      errno: null,
      failure: null,
    });
  });

  it('tells of the callbacks that followed', () => {
    const { stdout, status } = drydock(
      'test/vm/objects/deferred.bpf.o',
      '--prog',
      'in_order',
      '--data',
      FRAME,
    );
    expect(stdout).toMatch(
      /^retval 0 \(TC_ACT_OK\)\n.*\ninsns \d+\ndeferred 4 callbacks, \d+ insns, 0 pending\n$/,
    );
    expect(status).toBe(0);
  });

  it('says why the kernel would not run it', () => {
    const { status, stderr } = drydock(OBJECT, '--data', '00');
    expect(stderr).toContain('EINVAL: the packet has fewer than 14 bytes');
    expect(status).toBe(1);
  });

  it.each([
    ['data that is neither a file nor digits', ['--data', 'nothing']],
    ['a capture beside a packet', ['--data', FRAME, '--pcap', 'a.pcap']],
    ['--pcap-out alone', ['--pcap-out', 'a.pcap']],
    ['a context that is no JSON', ['--data', FRAME, '--ctx-in', '{']],
    ['a capture file that is none', ['--pcap', OBJECT]],
  ])('ends with 2 for %s', (_what, args) => {
    expect(drydock(OBJECT, ...args).status).toBe(2);
  });

  it('replays a capture', () => {
    const packet = (length: number) => ({
      seconds: 1,
      fraction: 2,
      bytes: new Uint8Array(length),
      wireLength: length,
    });
    const capture = writeCapture({ nanoseconds: true, packets: [packet(60), packet(10), packet(70)] });
    const from = join(folder, 'in.pcap');
    const to = join(folder, 'out.pcap');
    writeFileSync(from, capture);
    const { status, stdout } = drydock(OBJECT, '--pcap', from, '--pcap-out', to);
    expect(stdout).toBe('42 2\nnot run (EINVAL) 1\npackets 2\ninsns 4\n');
    expect(status).toBe(0);
    const left = writeCapture({ nanoseconds: true, packets: [packet(60), packet(70)] });
    expect(readFileSync(to).equals(left)).toBe(true);
  });
});
