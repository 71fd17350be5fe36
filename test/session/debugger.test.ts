/** Recording runs, moving through them and looking into memory at any step. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadAssembly } from '../../assembly/index.ts';
import { builtCore } from '../../bpf/package-root.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { parseScene } from '../../kernel-model/scene/index.ts';
import { TEMPLATES } from '../../playground/assembly/templates.ts';
import { Debugger, type RunChoice } from '../../session/debugger/debugger.ts';
import type { RecordedRun } from '../../session/debugger/record.ts';
import { REGISTERS, type Recording } from '../../session/debugger/recording.ts';
import { Timeline } from '../../session/debugger/timeline.ts';
import { iterate } from '../../session/iterate.ts';
import { openSession } from '../../session/open-session-node.ts';
import { MemoryPool } from '../../vm/memory-pool.ts';
import { KERNELS, PROGRAMS, sceneText } from '../programs/support.ts';

const KERNEL = '6.12';
const pool = new MemoryPool(readFileSync(builtCore('vm.wasm')));

interface Case {
  readonly debug: Debugger;
  readonly choice: RunChoice;
  readonly bytes: Uint8Array;
  readonly scene: string;
}

async function open(object: string, scene = sceneText('demo'), kernel = KERNEL): Promise<Case> {
  const bytes = readFileSync(new URL(`${object}/${object}.bpf.o`, PROGRAMS));
  const debug = new Debugger({
    profile: openProfile(kernel),
    scene: parseScene(scene, 'scene.yaml'),
    object: { bytes, file: `${object}.bpf.o` },
    createVm: () => pool.create(),
    releaseVm: (vm) => pool.release(vm),
  });
  const [program] = await debug.programs();
  if (!program) throw new Error(`${object} has no program`);
  return { debug, choice: { program: program.name, target: 0, readSize: 4096 }, bytes, scene };
}

/** How a step is found again. */
function moment({ runs }: Recording, step: number) {
  const run = runs[step] as number;
  return { run, insns: step - runs.indexOf(run) };
}

async function recorded(
  object: string,
  scene?: string,
): Promise<Case & RecordedRun & { timeline: Timeline }> {
  const found = await open(object, scene);
  const run = await found.debug.record(found.choice);
  return { ...found, ...run, timeline: new Timeline(run.recording) };
}

describe('a recording', () => {
  it.each([
    'task',
    'task_file',
    'task_vma',
    'io_uring_buf',
    'io_uring_file',
    'epoll',
    'bvec',
    'bpf_map_elem',
  ])('of %s gives what a run in one go gives', async (object) => {
    const { iteration, recording, timeline, bytes, scene } = await recorded(object);
    const session = await openSession(parseScene(scene, 'scene.yaml'), KERNEL);
    const [plain] = iterate(session, session.load(bytes, 'x.bpf.o'), {}, 4096);
    expect(Buffer.from(iteration.bytes)).toEqual(Buffer.from(plain?.bytes ?? []));
    expect(iteration.failure).toBe(plain?.failure);
    expect(iteration.log).toEqual(plain?.log);
    expect(recording.steps).toBe(plain?.log.insns);
    expect(recording.cut).toBe(false);
    expect(Buffer.from(timeline.output(timeline.last))).toEqual(Buffer.from(plain?.bytes ?? []));
  });

  it('has the registers that each instruction finds', async () => {
    const { bytes, scene, recording } = await recorded('io_uring_buf');
    const session = await openSession(parseScene(scene, 'scene.yaml'), KERNEL);
    let step = 0;
    session.runner = (program, context) => {
      session.vm.start(program.loaded, [context]);
      for (;;) {
        const seen = [session.vm.pc, session.vm.depth, ...session.vm.registers()];
        const kept = recording.registers.slice(step * REGISTERS, (step + 1) * REGISTERS);
        expect([recording.slots[step], recording.depths[step], ...kept]).toEqual(seen);
        step++;
        const result = session.vm.resume(1);
        if (result.status !== 'suspended') return result;
      }
    };
    for (const { choice } of iterate(session, session.load(bytes, 'x.bpf.o'), {}, 4096)) if (choice) break;
    expect(step).toBe(recording.steps);
  });

  it('is cut at its limit, and says so; the run is not', async () => {
    const { debug, choice } = await open('task_file');
    const whole = await debug.record(choice);
    const { iteration, recording } = await debug.record(choice, 100);
    expect(recording).toMatchObject({ steps: 100, cut: true });
    expect(recording.registers).toEqual(whole.recording.registers.slice(0, 100 * REGISTERS));
    expect(iteration.bytes).toEqual(whole.iteration.bytes);
  });

  it('has output that is taken back', async () => {
    // a buffer of 32 KiB gets full: what the last object has written is dropped and written again
    const scene =
      'tasks: [{ pid: 9, files: [{ fd: i, open: "/a/long/path/of/a/file/with/a/number/{i}", repeat: 1000 }] }]';
    const { iteration, timeline } = await recorded('task_file', scene);
    expect(iteration.bytes.length).toBeGreaterThan(32768);
    expect(Buffer.from(timeline.output(timeline.last))).toEqual(Buffer.from(iteration.bytes));
  });
});

describe('a timeline', () => {
  it('goes to breakpoints, either way', async () => {
    const { timeline, recording } = await recorded('io_uring_buf');
    const first = recording.slots[3] as number;
    const wanted = { kind: 'breakpoint', slots: new Set([first]) } as const;
    const hits = [...recording.slots.keys()].filter((step) => recording.slots[step] === first);
    expect(hits.length).toBeGreaterThan(2);
    let step = -1;
    for (const hit of hits) {
      step = timeline.find(wanted, step, 1) ?? -1;
      expect(step).toBe(hit);
    }
    expect(timeline.find(wanted, step, 1)).toBeUndefined();
    for (const hit of hits.slice(0, -1).reverse()) {
      step = timeline.find(wanted, step, -1) ?? -1;
      expect(step).toBe(hit);
    }
    expect(timeline.find(wanted, step, -1)).toBeUndefined();
  });

  it('finds where the output grew and where a register changed', async () => {
    const { timeline, recording } = await recorded('io_uring_buf');
    const grown = timeline.find({ kind: 'output' }, 0, 1) ?? 0;
    expect(timeline.output(grown - 1).length).toBe(0);
    expect(new TextDecoder().decode(timeline.output(grown))).toBe('B\n');
    expect(timeline.written(grown)).toBe(2);
    const changed = timeline.find({ kind: 'register', register: 0 }, 0, 1) ?? 0;
    expect(timeline.registers(changed)[0]).not.toBe(timeline.registers(changed - 1)[0]);
    for (let step = 1; step < changed; step++) {
      expect(timeline.registers(step)[0]).toBe(timeline.registers(step - 1)[0]);
    }
    const second = timeline.find({ kind: 'run' }, 0, 1) ?? 0;
    expect(recording.runs[second]).toBe(1);
    expect(timeline.changed(0).has(1)).toBe(true);
  });

  it('passes over calls and goes out of them', async () => {
    const { timeline, recording } = await recorded('bvec');
    const { depths } = recording;
    const inner = depths.findIndex((depth) => depth > 0);
    if (inner < 0) return;
    expect(depths[timeline.find({ kind: 'over' }, inner - 1, 1) ?? -1]).toBe(0);
    expect(depths[timeline.find({ kind: 'out' }, inner, 1) ?? -1]).toBe(0);
  });
});

describe('looking into a step', () => {
  it('finds the memory that the step finds in the run itself', async () => {
    const { debug, choice, recording, bytes, scene } = await recorded('task_vma');
    const session = await openSession(parseScene(scene, 'scene.yaml'), KERNEL);
    const stacks: Buffer[] = [];
    session.runner = (program, context) => {
      const { vm } = session;
      vm.start(program.loaded, [context]);
      for (;;) {
        const fp = vm.registers()[10] as bigint;
        if (stacks.length < 400) stacks.push(Buffer.from(vm.ram.read(fp - 512n, 512) ?? []));
        const result = vm.resume(1);
        if (result.status !== 'suspended') return result;
      }
    };
    for (const { choice: found } of iterate(session, session.load(bytes, 'x.bpf.o'), {}, 4096))
      if (found) break;
    for (const step of [0, 17, 60, 133, 250, 399]) {
      const found = await debug.inspect(choice, moment(recording, step), { watches: [], open: [] });
      expect(found.frames.at(-1)?.slot).toBe(recording.slots[step]);
      expect(Buffer.from(found.frames.at(-1)?.stack ?? []).equals(stacks[step] as Buffer)).toBe(true);
    }
  });

  it('gives values by their types', async () => {
    const { debug, choice, recording, timeline } = await recorded('io_uring_buf');
    const second = timeline.find({ kind: 'run' }, 1, 1) ?? 0;
    const watch = { address: 'ctx', type: 'struct bpf_iter__io_uring_buf' };
    const root = `${watch.address}:${watch.type}`;
    const open = [root];
    const query = { watches: [watch], open };
    const found = await debug.inspect(choice, moment(recording, 0), query);
    const view = found.watches[0];
    if (!view || !('value' in view)) throw new Error('no value');
    expect(view.value.type).toBe(watch.type);
    const names = JSON.stringify(view.value);
    expect(names).toMatch(/struct io_ring_ctx/);
    expect(names).toMatch(/struct io_mapped_ubuf/);
    const later = await debug.inspect(choice, moment(recording, second), query);
    expect(JSON.stringify(later.watches)).not.toBe(JSON.stringify(found.watches));
    expect(found.registers[1]?.text).toBe('struct bpf_iter__io_uring_buf');
    expect(found.registers[10]?.text).toBe('fp');
  });

  it('follows pointers to what the scene says', async () => {
    const { debug, choice, recording } = await recorded(
      'task',
      'tasks: [{ pid: 77, comm: sentinel, uid: 5 }]',
    );
    const { size: length } = new Set(recording.runs);
    let seen = '';
    for (let run = 0; run < length; run++) {
      const watch = { address: 'ctx', type: 'struct bpf_iter__task *' };
      const root = `${watch.address}:${watch.type}`;
      const paths = [root, ...[1, 2].flatMap((index) => [`${root}.${index}`, `${root}.${index}.task`])];
      const { watches } = await debug.inspect(choice, { run, insns: 0 }, { watches: [watch], open: paths });
      seen += JSON.stringify(watches);
    }
    expect(seen).toMatch(/"name":"comm","type":"char\[16\]","value":"\\"sentinel\\""/);
    expect(seen).toMatch(/"name":"pid","type":"pid_t","value":"77 \(0x4d\)"/);
  });

  it('shows maps by the types of the object, and of the scene by their bytes', async () => {
    const { debug, choice, recording } = await recorded('bpf_map_elem');
    const { maps } = await debug.inspect(choice, moment(recording, recording.steps - 1), {
      watches: [],
      open: [],
    });
    expect(maps.find(({ name }) => name === 'hits')).toMatchObject({ count: 4, more: false });
    expect(maps.find(({ name }) => name === 'hits')?.entries[2]).toMatchObject({
      name: '2',
      value: '201 (0xc9)',
    });
  });

  it.each(KERNELS)('works on %s', async (kernel) => {
    const { debug, choice } = await open('io_uring_buf', sceneText('demo'), kernel);
    const { recording } = await debug.record(choice);
    const watch = { address: 'ctx', type: 'bpf_iter__io_uring_buf *' };
    const query = { watches: [watch], open: [`${watch.address}:${watch.type}`] };
    const { watches } = await debug.inspect(choice, moment(recording, recording.steps - 1), query);
    expect(JSON.stringify(watches)).toMatch(/"name":"index","type":"(u64|__u64)","value":"4"/);
    const { rings } = await debug.overview();
    expect(rings[0]?.buffers.map((buffer) => buffer?.pages.every(({ mapped }) => mapped))).toEqual([
      true,
      undefined,
      true,
      true,
    ]);
  });

  it('says what is wrong with what it cannot show', async () => {
    const { debug, choice } = await open('task');
    const watches = [
      { address: 'r11', type: 'u32' },
      { address: 'r1', type: 'struct nothing' },
      { address: 'nonsense!', type: 'u32' },
      { address: '0x10', type: 'u64' },
    ];
    const found = await debug.inspect(choice, { run: 0, insns: 0 }, { watches, open: [] });
    expect(found.watches).toMatchObject([
      { error: 'there is no register r11' },
      { error: 'there is no type "struct nothing"' },
      { error: expect.stringMatching(/is no address/) },
      { value: { value: 'not mapped' } },
    ]);
  });
});

describe('what a program can be attached to', () => {
  it('are rings and epoll instances by their place, and tasks one by one', async () => {
    const buffers = await open('io_uring_buf');
    expect(await buffers.debug.targets(buffers.choice.program)).toEqual([
      'ring 3 of task 100',
      'ring 4 of task 100',
    ]);
    const tasks = await open('task');
    expect(await tasks.debug.targets(tasks.choice.program)).toEqual(
      expect.arrayContaining(['all tasks', 'task 80', 'task 100']),
    );
  });

  it('may be nothing', async () => {
    const { debug, choice } = await open('io_uring_buf', 'tasks: []');
    expect(await debug.targets(choice.program)).toEqual([]);
    await expect(debug.record(choice)).rejects.toThrow(/the scene has nothing/);
  });
});

describe('the listing', () => {
  it('has source above instructions, and where jumps go', async () => {
    const { debug, choice, recording } = await recorded('io_uring_buf');
    const lines = await debug.listing(choice.program);
    expect(lines[0]).toMatchObject({ kind: 'function', slot: 0, text: 'dump_io_uring_buf:' });
    expect(lines.find(({ kind }) => kind === 'source')).toMatchObject({
      place: expect.stringMatching(/^io_uring_buf\.bpf\.c:\d+$/),
    });
    const slots = new Set(lines.filter(({ kind }) => kind === 'insn').map(({ slot }) => slot));
    for (const slot of recording.slots) expect(slots.has(slot)).toBe(true);
    const jump = lines.find(({ text }) => / goto /.test(text));
    expect(slots.has(Number(jump?.text.match(/goto (\d+)$/)?.[1]))).toBe(true);
  });
});

describe('the overview of a scene', () => {
  it('has buffers with their mappings and pages', async () => {
    const { debug } = await open('io_uring_buf');
    const { rings, tasks, epolls, locks } = await debug.overview();
    expect(rings.map(({ label, pid }) => [label, pid])).toEqual([
      ['ring 3 of task 100', 100],
      ['ring 4 of task 100', 100],
    ]);
    const [first, second, third, big] = rings[0]?.buffers ?? [];
    expect(first).toMatchObject({ slot: 0, address: 0x7f0000000064, length: 4000, pageCount: 2 });
    expect(first?.mappings).toMatchObject([{ start: 0x7f0000000000, end: 0x7f0000100000, access: 'rw-p' }]);
    expect(first?.pages).toMatchObject([
      { address: 0x7f0000000000, bytes: 4096, mapped: true, pins: 1 },
      { address: 0x7f0000001000, bytes: 4096, mapped: true, pins: 1 },
    ]);
    expect(second).toBeUndefined();
    expect(third).toMatchObject({ pageCount: 4, charged: 4 });
    expect(big?.pages.map(({ address, bytes }) => [address, bytes])).toEqual([
      [0x7f0040000000, 2 << 20],
      [0x7f0040200000, 2 << 20],
    ]);
    expect(tasks.find(({ pid }) => pid === 100)?.files).toContainEqual({ fd: 11, path: '/srv/data/1.bin' });
    expect(epolls[0]?.items.map(({ fd }) => fd).sort()).toEqual([30, 32, 5]);
    expect(locks).toEqual([]);
  });

  it('tells pages that two buffers share, pages that are gone, and locks', async () => {
    const scene = `
tasks:
  - pid: 9
    mappings: [{ name: m, address: 0x7f0000000000, length: 16K }]
    rings:
      - fd: 3
        register:
          - buffers: [{ address: m, length: 4K }, { address: m + 100, length: 100 }, { address: m + 8K, length: 4K }]
events:
  - { task: 9, dontneed: { address: m + 8K, length: 4K } }
locks: [{ lock: uring_lock, task: 9, fd: 3, by: 9 }]`;
    const { debug } = await open('io_uring_buf', scene);
    const { rings, locks } = await debug.overview();
    const [one, two, three] = rings[0]?.buffers ?? [];
    expect(one?.pages[0]?.shared).toEqual(['ring 3 of task 9, slot 1']);
    expect(two?.pages[0]?.frame).toBe(one?.pages[0]?.frame);
    expect(three?.pages[0]).toMatchObject({ mapped: false, shared: [] });
    expect(locks).toEqual([{ lock: 'uring_lock of ring 3 of task 9', by: expect.stringMatching(/^task 9/) }]);
  });
});

describe('a program in assembly', () => {
  const open = (text: string) =>
    new Debugger({
      profile: openProfile(KERNEL),
      scene: parseScene('tasks: [{ pid: 7, comm: a }, { pid: 8, comm: b }]', 'scene.yaml'),
      object: { bytes: new TextEncoder().encode(text), file: 'assembly', load: loadAssembly },
      createVm: () => pool.create(),
      releaseVm: (vm) => pool.release(vm),
    });

  it('runs like one that was compiled', async () => {
    const text = TEMPLATES.find(({ name }) => name.startsWith('Iterator'))?.text ?? '';
    const debug = open(text);
    expect(await debug.programs()).toEqual([{ name: 'assembly', target: 'task' }]);
    const choice = { program: 'assembly', target: 0, readSize: 4096 };
    const { iteration, recording } = await debug.record(choice);
    expect(iteration.failure).toBeUndefined();
    // The first process, the two of the scene, and the reader.
    expect(new TextDecoder().decode(iteration.bytes)).toBe('****');
    const end = moment(recording, recording.steps - 1);
    const { frames, maps } = await debug.inspect(choice, end, { watches: [], open: [] });
    expect(frames.map(({ name }) => name)).toEqual(['assembly']);
    expect(maps.map(({ name, count }) => [name, count])).toEqual([['text', 1]]);
    const lines = await debug.listing('assembly');
    expect(lines[0]).toEqual({ kind: 'function', slot: 0, text: 'assembly:' });
    expect(lines.map(({ text: line }) => line).join('\n')).toMatch(/call bpf_seq_write#127/);
  });

  it('names its functions after their labels', async () => {
    const debug = open('.section "iter/task"\n.license GPL\ncall two\nr0 = 0\nexit\ntwo:\nr0 = 2\nexit\n');
    const functions = (await debug.listing('assembly')).filter(({ kind }) => kind === 'function');
    expect(functions.map(({ slot, text }) => [slot, text])).toEqual([
      [0, 'assembly:'],
      [3, 'two:'],
    ]);
  });

  it.each([
    ['.section "iter/task"\nr0 = \nexit\n', /line 2, column/],
    ['.type xdp\nr0 = 0\nexit\n', /no iterator to run; programs of the object: assembly \(xdp\)/],
    ['.section "iter/nothing"\nr0 = 0\nexit\n', /nothing/],
  ])('is refused when it cannot be run: %s', async (text, message) => {
    await expect(open(text).programs()).rejects.toThrow(message);
  });
});
