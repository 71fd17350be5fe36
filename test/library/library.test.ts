/** The library's own behaviour: scenes, mocks, maps, and what it refuses. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { type BpfFile, InputError, load, Scene } from '../../library/index.ts';

const OBJECT = 'test/library/objects/limit.bpf.o';
const SCENE = 'tasks: [{ pid: 80, comm: bash, uid: 1000 }, { pid: 100, comm: server, parent: 80 }]';

let file: BpfFile;
beforeAll(async () => {
  file = await load(readFileSync(OBJECT));
});

it('loads bytes, and names the programs', () => {
  expect(file.programs).toEqual(['limit_source', 'without_preemption', 'unchecked']);
});

describe('iterators', () => {
  it('are read over a scene, as text', async () => {
    const task = await load('programs/task/task.bpf.o');
    const kernel = await task.open({ scene: Scene.parse(SCENE) });
    const [output, ...others] = kernel.iterate('dump_task');
    expect(output).toMatch(/^ +80 .* bash\n +100 +100 +80 .* server\n/m);
    expect(others).toEqual([]);
  });

  it('count in the maps that the test sees', async () => {
    const counting = await load('programs/accepted/null.bpf.o');
    const kernel = await counting.open({ scene: Scene.parse(SCENE) });
    const counts = kernel.maps.get('counts');
    const key = Uint8Array.of(100, 0, 0, 0);
    counts?.update(key, new Uint8Array(8));
    expect(kernel.iterate('lookup_checked')).toEqual(['']);
    expect(counts?.lookup(key)?.[0]).toBe(1);
    expect(counts?.lookup(Uint8Array.of(80, 0, 0, 0))).toBeUndefined();
  });

  it('of the series have an output for each ring', async () => {
    const rings = await load('programs/io_uring_file/io_uring_file.bpf.o');
    const kernel = await rings.open({ scene: Scene.read('programs/scenes/io_uring_file.yaml') });
    const expected = readFileSync('programs/io_uring_file/expected/io_uring_file.txt', 'utf8');
    const [program] = rings.programs;
    expect(kernel.iterate(program ?? '').join('')).toBe(expected);
  });
});

describe('mocks', () => {
  it('stand in for kfuncs', async () => {
    const bpf_preempt_disable = vi.fn();
    const kernel = await file.open({ mocks: { bpf_preempt_disable } });
    expect(kernel.test('without_preemption', { data: new Uint8Array(60) }).retval).toBe(2);
    expect(bpf_preempt_disable).toHaveBeenCalledOnce();
  });

  it('read and write the memory that they are given pointers to', async () => {
    const keys: Uint8Array[] = [];
    const kernel = await file.open({
      mocks: {
        bpf_map_lookup_elem: (_map = 0n, key = 0n) => {
          const bytes = kernel.read(key, 4);
          if (bytes) keys.push(bytes);
          return 0n;
        },
      },
    });
    const data = new Uint8Array(60);
    data.set([0x08, 0x00], 12);
    data.set([1, 2, 3, 4], 26);
    expect(kernel.test('limit_source', { data }).retval).toBe(2);
    expect(keys).toEqual([Uint8Array.of(1, 2, 3, 4)]);
    expect(kernel.read(0n, 4)).toBeUndefined();
    expect(kernel.write(0n, data)).toBe(false);
  });

  it('that throw end the run, and the kernel runs on', async () => {
    const clock = vi.fn(() => 1n);
    clock.mockImplementationOnce(() => {
      throw new Error('no clock');
    });
    const kernel = await file.open({ mocks: { bpf_ktime_get_ns: clock } });
    const data = new Uint8Array(60);
    expect(() => kernel.test('limit_source', { data })).toThrow('no clock');
    expect(kernel.test('limit_source', { data }).retval).toBe(2);
  });

  it('cannot run a program of their own, but use maps', async () => {
    const data = new Uint8Array(60);
    data.set([0x08, 0x00], 12);
    const kernel = await file.open({
      mocks: {
        bpf_ktime_get_ns: () => {
          kernel.maps.get('windows')?.update(Uint8Array.of(7, 7, 7, 7), new Uint8Array(16));
          expect(() => kernel.test('limit_source', { data })).toThrow(/is running/);
          return 1n;
        },
      },
    });
    expect(kernel.test('limit_source', { data }).retval).toBe(2);
    expect(kernel.maps.get('windows')?.entries()).toHaveLength(2);
  });

  it('that throw while an iterator is read leave it usable', async () => {
    const task = await load('programs/task/task.bpf.o');
    const mock = vi.fn(() => 0n);
    mock.mockImplementationOnce(() => {
      throw new Error('no paper');
    });
    const kernel = await task.open({ scene: Scene.parse(SCENE), mocks: { bpf_seq_printf: mock } });
    expect(() => kernel.iterate('dump_task')).toThrow('no paper');
    expect(kernel.iterate('dump_task')[0]).toContain('# end');
  });

  it('need a name that exists', async () => {
    const mocks = { bpf_ktime_get_nss: () => 0n };
    await expect(file.open({ mocks })).rejects.toThrow(InputError);
    await expect(file.open({ mocks })).rejects.toThrow(/did you mean bpf_ktime_get_ns\b/);
  });

  it('are of one kernel', async () => {
    await file.open({ mocks: { bpf_ktime_get_ns: () => 42n } });
    const kernel = await file.open();
    const data = new Uint8Array(60);
    data.set([0x08, 0x00], 12);
    kernel.test('limit_source', { data });
    const [entry] = kernel.maps.get('windows')?.entries() ?? [];
    expect(new DataView(entry?.value.buffer ?? new ArrayBuffer(8)).getBigUint64(0, true)).not.toBe(42n);
  });
});

describe('what is refused', () => {
  it('a program that is not there or not loaded, with what is', async () => {
    expect(() => file.verify('limit_sources')).toThrow(/did you mean limit_source\?/);
    await expect(file.open({ programs: ['nothing'] })).rejects.toThrow(InputError);
    const kernel = await file.open({ programs: ['limit_source'] });
    expect(() => kernel.test('without_preemption')).toThrow(/no program 'without_preemption' in this kernel/);
    expect(() => kernel.iterate('limit_source')).toThrow(/is not an iterator/);
  });

  it('a global variable and a kernel that are not there', async () => {
    await expect(load(OBJECT, { globals: { limits: 3 } })).rejects.toThrow(/did you mean limit\?/);
    await expect(load(OBJECT, { kernel: '2.4' })).rejects.toThrow(InputError);
  });

  it('a test run without its packet, and an update of a full map', async () => {
    const kernel = await file.open();
    expect(() => kernel.test('limit_source')).toThrow(/limit_source cannot be run: EINVAL/);
    const windows = kernel.maps.get('windows');
    for (let i = 0; i < 4; i++) windows?.update(Uint8Array.of(i, 0, 0, 0), new Uint8Array(16));
    expect(() => windows?.update(Uint8Array.of(9, 0, 0, 0), new Uint8Array(16))).toThrow(/E2BIG/);
    windows?.delete(Uint8Array.of(3, 0, 0, 0));
    expect(windows?.entries()).toHaveLength(3);
  });

  it('fields that the context does not have', async () => {
    const kernel = await file.open();
    const data = new Uint8Array(60);
    expect(() => kernel.test('limit_source', { data, context: { mark: 1 } })).toThrow(
      /^struct xdp_md has no field mark; it has data, data_end/,
    );
    const { context } = kernel.test('limit_source', { data, context: { data_end: 60n } });
    expect(new DataView(context.buffer).getUint32(4, true)).toBe(60);
  });

  it('nothing of a scene that is wrong', () => {
    expect(() => Scene.parse('tasks: 3')).toThrow('scene:1:1: must be a list');
  });
});

describe('what a run puts off', () => {
  it('is done after it, and counted', async () => {
    const deferred = await load('test/vm/objects/deferred.bpf.o');
    const kernel = await deferred.open();
    const packet = { data: new Uint8Array(60) };
    expect(kernel.test('after_delay', packet).deferred).toMatchObject({ callbacks: 1, pending: 0 });
    const { callbacks, pending } = kernel.test('periodic', packet).deferred ?? {};
    expect(callbacks).toBeGreaterThan(1);
    expect(pending).toBe(1);
    const plain = await file.open();
    expect(plain.test('limit_source', packet).deferred).toBeNull();
  });
});

it('is what the package exports', () => {
  const script = `
    import { load, Scene } from 'drydock';
    const file = await load('${OBJECT}');
    const kernel = await file.open({ scene: Scene.empty });
    console.log(kernel.test('limit_source', { data: new Uint8Array(60) }).retval);`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(output).toBe('2\n');
});

describe('docs/library.md', () => {
  const docs = readFileSync('docs/library.md', 'utf8');
  const blocks = (language: string) =>
    [...docs.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, text = '']) => text);

  it('shows the suite and the program that run here', () => {
    const suite = readFileSync('test/library/limit.test.ts', 'utf8').replace(
      '../../library/index.ts',
      'drydock',
    );
    const [shown = '-', ...others] = blocks('ts');
    expect(suite.endsWith(shown)).toBe(true);
    expect(others).toHaveLength(2);
    const [program = '-'] = blocks('c');
    expect(readFileSync('test/library/objects/limit.bpf.c', 'utf8')).toContain(program);
  });

  it('shows an iterator', async () => {
    const file = await load('programs/task/task.bpf.o');
    const kernel = await file.open({ scene: Scene.parse('tasks: [{ pid: 80, comm: bash }]') });
    expect(kernel.iterate('dump_task')[0]).toContain(' bash');
    const lines = (blocks('ts')[1] ?? '-').trim().split('\n');
    const own = readFileSync('test/library/library.test.ts', 'utf8');
    for (const line of lines) expect(own).toContain(`    ${line}\n`);
  });

  it('shows a recorded run', () => {
    const lines = (blocks('ts')[2] ?? '-').trim().split('\n');
    const own = readFileSync('test/library/replay.test.ts', 'utf8');
    for (const line of lines) expect(own).toContain(`    ${line}\n`);
  });
});
