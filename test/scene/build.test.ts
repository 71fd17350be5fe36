import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { IoUring } from '../../kernel-model/io-uring/ring.ts';
import { Machine } from '../../kernel-model/machine.ts';
import { openProfile, profileNames } from '../../kernel-model/profile-node.ts';
import { buildScene, parseScene, SceneError, type World } from '../../kernel-model/scene/index.ts';
import { createVm } from '../../vm/node.ts';

const bundled = new URL('../../programs/scenes/', import.meta.url);

async function build(text: string, kernel = '6.12'): Promise<World> {
  const vm = await createVm();
  return buildScene(parseScene(text, 's.yaml'), new Machine(vm.ram, openProfile(kernel)));
}

/** The message with which a scene is refused. */
async function refusal(text: string, kernel?: string): Promise<string> {
  try {
    await build(text, kernel);
  } catch (error) {
    expect(error).toBeInstanceOf(SceneError);
    return (error as SceneError).message;
  }
  throw new Error('the scene was built');
}

/** A task of pid 9 with these fields, each a line of its own. */
function task(...fields: string[]): string {
  return ['tasks:', '  - pid: 9', ...fields.map((field) => `    ${field}`), ''].join('\n');
}

describe.each(profileNames())('bundled scenes on %s', (kernel) => {
  it.each(readdirSync(bundled).filter((name) => name.endsWith('.yaml')))('%s', async (name) => {
    const world = await build(readFileSync(new URL(name, bundled), 'utf8'), kernel);
    expect(world.rings().length + world.epolls().length).toBeGreaterThan(0);
  });
});

describe('tasks and files', () => {
  it('makes processes, threads, credentials and limits', async () => {
    const { machine } = await build(
      [
        'tasks:',
        '  - { pid: 80, comm: shell }',
        '  - pid: 90',
        '    comm: a-name-that-is-too-long',
        '    parent: 80',
        '    uid: 1000',
        '    capabilities: [CAP_IPC_LOCK]',
        '    rlimits: { memlock: unlimited, nofile: 2K }',
        '    threads: [{ tid: 91, comm: worker }]',
      ].join('\n'),
    );
    expect(machine.tasks.all.map(({ pid }) => pid)).toEqual([1, 80, 90, 91]);
    const leader = machine.tasks.get(90);
    const thread = machine.tasks.get(91);
    expect(leader?.comm).toBe('a-name-that-is-');
    expect(leader?.parent?.pid).toBe(80);
    expect(leader?.cred.uid).toBe(1000);
    expect(leader?.cred.capabilities).toBe(1n << 14n);
    expect(leader?.group.limit(7)).toBe(2048);
    expect(thread?.tgid).toBe(90);
    expect(thread?.files).toBe(leader?.files);
  });

  it('opens files at the wanted descriptors', async () => {
    const { machine } = await build(
      task(
        'files:',
        '  - { fd: 0, open: /dev/null }',
        '  - { fd: 7, dup: 0 }',
        '  - { fd: "10 + 2 * i", open: "/srv/{i}", repeat: 3 }',
        '  - { fd: [30, 29], pipe: true }',
        '  - { fd: 40, eventfd: 3 }',
        '  - { open: /tmp/gone, deleted: true }',
        '  - { fd: 41, memfd: shared }',
      ),
    );
    const { files } = machine.tasks.get(9) ?? {};
    const path = (fd: number) => machine.dPath(files?.get(fd)?.record.addressOf('f_path') ?? 0n);
    expect(files?.get(7)).toBe(files?.get(0));
    expect([10, 12, 14].map(path)).toEqual(['/srv/0', '/srv/1', '/srv/2']);
    expect(files?.get(30)?.readable).toBe(true);
    expect(files?.get(30)?.writable).toBe(false);
    expect(files?.get(29)?.writable).toBe(true);
    expect(path(40)).toBe('anon_inode:[eventfd]');
    expect(path(1)).toBe('/tmp/gone (deleted)');
    expect(path(41)).toBe('/memfd:shared (deleted)');
  });

  it.each([
    [
      ['files:', '  - { fd: 1, open: /a }', '  - { fd: 1, open: /b }'],
      's.yaml:5:11: descriptor 1 of task 9 is taken',
    ],
    [['files:', '  - { fd: 2000, open: /a }'], 's.yaml:4:11: descriptor 2000 is beyond the nofile limit'],
    [['files:', '  - { dup: 5 }'], 's.yaml:4:11: dup by task 9 fails with EBADF: no such descriptor'],
    [['files:', '  - { open: /a/b }', '  - { open: /a/b/c }'], 'fails with ENOTDIR'],
    [['files:', '  - { fd: 3, pipe: true }'], 's.yaml:4:11: needs two descriptors'],
    [['files:', '  - { open: "/a{j}" }'], 's.yaml:4:11: nothing is called "j"'],
    [['files:', '  - { open: /a, fd: i }'], 's.yaml:4:21: nothing is called "i"'],
    [['files:', '  - { eventfd: 0, repeat: 2000000 }'], 's.yaml:4:23: more than 1048576 items'],
    [['files:', '  - { eventfd: 0, repeat: 2000 }'], 'eventfd by task 9 fails with EMFILE'],
    [
      ['files:', '  - { fd: 3, open: /a }', '  - { fd: 4, epoll: [{ fd: 3 }] }'],
      's.yaml:5:26: epoll_ctl by task 9 fails with EPERM',
    ],
    [['files:', '  - { fd: 4, epoll: [{ fd: 4 }] }'], 'epoll_ctl by task 9 fails with EINVAL'],
    [['threads: [{ tid: 9 }]'], 's.yaml:3:15: fork by task 9 fails with EEXIST'],
    [['parent: 77'], 's.yaml:3:5: there is no task 77'],
  ])('%j is refused', async (fields, message) => {
    expect(await refusal(task(...fields))).toContain(message);
  });
});

describe('mappings', () => {
  it('maps, names and fills memory', async () => {
    const { machine } = await build(
      task(
        'mappings:',
        '  - name: a',
        '    address: 0x10000000',
        '    length: 8K',
        '    content: [{ at: 0xffe, text: across }, { at: 4K + 100, hex: "de ad" }, { at: 6K, fill: 7 }]',
        '  - { address: a + 1M, length: 4K, kind: shared }',
      ),
    );
    const { mm } = machine.tasks.get(9) ?? {};
    expect(mm?.mappings.map(({ start, end }) => [start, end])).toEqual([
      [0x1000_0000, 0x1000_2000],
      [0x1010_0000, 0x1010_1000],
    ]);
    const text = (at: number, length: number) =>
      Buffer.from(mm?.memory.read(at, length) ?? []).toString('latin1');
    expect(text(0x1000_0ffe, 6)).toBe('across');
    expect(text(0x1000_1064, 2)).toBe('\xde\xad');
    expect(text(0x1000_17ff, 3)).toBe('\0\x07\x07');
    expect(text(0x1000_1fff, 1)).toBe('\x07');
  });

  it.each([
    [['mappings:', '  - { address: 100, length: 4K }'], 's.yaml:4:9: mmap by task 9 fails with EINVAL'],
    [['mappings:', '  - { length: 0 }'], 'mmap by task 9 fails with EINVAL'],
    [
      ['mappings:', '  - { address: 0x100000, length: 8K, repeat: 2 }'],
      'fails with EEXIST: the range overlaps',
    ],
    [['mappings:', '  - { length: 4K, kind: file }'], 's.yaml:4:9: a mapping of kind file needs fd'],
    [['mappings:', '  - { length: 4K, kind: file, fd: 3 }'], 'mmap by task 9 fails with EBADF'],
    [
      ['mappings:', '  - { length: 1, content: [{ at: 4095, text: ab }] }'],
      's.yaml:4:32: 2 bytes do not fit',
    ],
    [['mappings:', '  - { length: 4K, prot: r, content: [{ text: a }] }'], 'task 9 cannot write there'],
    [['mappings:', '  - { name: i, length: 4K }'], 's.yaml:4:11: "i" counts repetitions'],
    [
      ['mappings:', '  - { name: a, length: 4K }', '  - { name: a, length: 4K }'],
      's.yaml:5:11: a mapping of this task',
    ],
    [['mappings:', '  - { length: 1G * 1M }'], 'mmap by task 9 fails with ENOMEM'],
  ])('%j is refused', async (fields, message) => {
    expect(await refusal(task(...fields))).toContain(message);
  });
});

const BUFFER = ['mappings:', '  - { name: a, address: 0x10000000, length: 64K }'];

describe('rings', () => {
  it('registers in the order written', async () => {
    const { machine } = await build(
      task(
        'files: [{ fd: 5, eventfd: 0 }, { fd: 6, open: /x }]',
        ...BUFFER,
        'rings:',
        '  - fd: 3',
        '    register:',
        '      - { eventfd: 5, async: true }',
        '      - files: [6, none, 6]',
        '      - { update_files: [none, 6], offset: 0 }',
        '      - buffers: [{ address: a, length: 100, tag: 7 }, none, { address: a + 4K * i, length: 8K, repeat: 2 }]',
        '      - { unregister: buffers }',
        '      - { unregister: buffers, fails: ENXIO }',
        '      - buffers: [none, { address: a + 4K, length: 5000 }]',
        '      - { update_buffers: [{ address: a, length: 1 }], offset: 0 }',
      ),
    );
    const ring = machine.tasks.get(9)?.files?.get(3)?.object as IoUring;
    expect(ring).toBeInstanceOf(IoUring);
    expect(ring.files?.size).toBe(3);
    expect(ring.ctx.get('nr_user_bufs')).toBe(2);
    expect(machine.tasks.get(9)?.mm?.mappings.length).toBe(1);
  });

  it.each([
    [['rings: [{ entries: 0 }]'], 's.yaml:3:13: io_uring_setup by task 9 fails with EINVAL'],
    [
      ['rings: [{ flags: [SQPOLL, ATTACH_WQ], wq_fd: 9 }]'],
      'io_uring_setup by task 9 fails with ENXIO: wq_fd',
    ],
    [['rings: [{ register: [{ eventfd: 9 }] }]'], 's.yaml:3:26: register eventfd by task 9 fails with EBADF'],
    [['rings: [{ register: [{ files: [] }] }]'], 'register files by task 9 fails with EINVAL'],
    [
      ['rings: [{ register: [{ buffers: [{ address: 1, length: 1 }] }] }]'],
      'register buffers by task 9 fails with EFAULT',
    ],
    [['rings: [{ register: [{ unregister: files }] }]'], 'unregister by task 9 fails with ENXIO'],
    [
      [
        'uid: 7',
        'rlimits: { memlock: 8K }',
        ...BUFFER,
        'rings: [{ register: [{ buffers: [{ address: a, length: 12K }] }] }]',
      ],
      "s.yaml:7:26: register buffers by task 9 fails with ENOMEM: the buffers' pages exceed",
    ],
    [
      ['rings: [{ register: [{ unregister: files, fails: EBUSY }] }]'],
      's.yaml:3:47: unregister by task 9 was to fail with EBUSY, but the result is ENXIO',
    ],
    [['rings: [{ fails: EINVAL }]'], 'was to fail with EINVAL, but the result is success'],
    [['rings: [{ flags: [NO_MMAP] }]'], 'io_uring_setup by task 9 fails with EFAULT'],
  ])('%j is refused', async (fields, message) => {
    expect(await refusal(task(...fields))).toContain(message);
  });
});

describe('events and locks', () => {
  it('happen in order', async () => {
    const { machine } = await build(
      `${task(...BUFFER, 'files: [{ fd: 4, eventfd: 0 }]', 'rings: [{ fd: 3, register: [{ buffers: [{ address: a, length: 4K }] }] }]')}
events:
  - { task: 9, fork: { pid: 10, comm: child } }
  - { task: 10, close: 3 }
  - { task: 10, write: { address: a, text: x } }
  - { task: 9, unmap: { address: a + 32K, length: 32K } }
  - { task: 9, register: { fd: 3, calls: [{ eventfd: 4 }] } }
locks:
  - { lock: uring_lock, task: 9, fd: 3, by: 10 }
  - { lock: mmap_lock, task: 9, by: 9 }
`,
      '6.12',
    );
    const [parent, child] = [machine.tasks.get(9), machine.tasks.get(10)];
    expect(child?.comm).toBe('child');
    expect(child?.files?.get(3)).toBeUndefined();
    expect(parent?.mm?.mappings.map(({ end }) => end)).toEqual([0x1000_8000]);
    expect((parent?.files?.get(3)?.object as IoUring | undefined)?.lock.owner).toBe(child?.address);
    expect(parent?.mm?.writeLocked).toBe(true);
  });

  it.each([
    [
      'events: [{ task: 9, close: 1, fails: EPERM }]',
      's.yaml:3:31: was to fail with EPERM, but the result is EBADF',
    ],
    [
      'events: [{ task: 9, wait: 1, fails: EPERM }]',
      's.yaml:3:30: was to fail with EPERM, but the result is success',
    ],
    ['events: [{ task: 9, submit: { fd: 1, entries: [] }, fails: EBADF }]', 'not an io_uring instance'],
    ['events: [{ task: 9, submit: { fd: 1, index: 1, entries: [] } }]', 'two fields that exclude each other'],
    [
      'events: [{ task: 9, submit: { index: 1, entries: [] } }]',
      's.yaml:3:41: registered ring 1 of task 9 is not an io_uring instance',
    ],
    ['events: [{ task: 9, load: { fd: 1, text: x } }]', 's.yaml:3:21: read by task 9 fails with EBADF'],
    ['events: [{ task: 9, holds: { address: 4K, text: x } }]', 's.yaml:3:21: task 9 cannot read there'],
    ['events: [{ task: 9, watch: { epoll: 1, fd: 1 } }]', 'epoll_ctl by task 9 fails with EBADF'],
    ['events: [{ task: 9, exit: all }]', 'must be one of: true, thread'],
    ['events: [{ task: 77, close: 1 }]', 's.yaml:3:12: there is no task 77'],
    ['events: [{ task: 9, close: 1 }]', 's.yaml:3:21: close by task 9 fails with EBADF'],
    ['events: [{ task: 9, dontneed: { address: 4K, length: 4K } }]', 'madvise by task 9 fails with ENOMEM'],
    ['events: [{ task: 9, fork: { pid: 9 } }]', 'fork by task 9 fails with EEXIST'],
    ['events: [{ task: 9, write: { address: 0, text: x } }]', 'task 9 cannot write there'],
    ['locks: [{ lock: uring_lock, task: 9, by: 9 }]', 's.yaml:3:9: uring_lock needs fd'],
    ['locks: [{ lock: ep_mtx, task: 9, fd: 1, by: 9 }]', 'descriptor 1 of task 9 is not an epoll instance'],
    [
      'locks: [{ lock: mmap_lock, task: 9, by: 9 }, { lock: mmap_lock, task: 9, by: 1 }]',
      'the lock is held already',
    ],
  ])('%s is refused', async (line, message) => {
    expect(await refusal(`${task()}${line}\n`)).toContain(message);
  });
});

describe('what events find', () => {
  const scene = (...events: string[]) =>
    `${task(...BUFFER, 'files: [{ fd: 4, eventfd: 7 }]', 'rings: [{ fd: 3 }]')}events:\n${events
      .map((event) => `  - { task: 9, ${event} }\n`)
      .join('')}`;

  it.each([
    [
      'register: { fd: 3, calls: [{ personality: true, waits: true }] }',
      's.yaml:8:64: register by task 9 returns 1',
    ],
    ['ring_words: { fd: 3, are: { cq_tail: 1 } }', 's.yaml:8:44: cq_tail is 0'],
    ['load: { fd: 4, count: 8 }', 's.yaml:8:16: the bytes are 0700000000000000, not 0800000000000000'],
    ['holds: { address: a, text: x }', 's.yaml:8:16: the bytes are 00, not 78'],
    ['holds: { address: a, fill: 1, length: 2M }', 'more than 1048576 bytes to look at'],
    [
      'register: { fd: 3, calls: [{ personality: true, returns: 2 }] }',
      's.yaml:8:64: register by task 9 returns 1',
    ],
    [
      'register: { fd: 3, calls: [{ buffer_ring: { group: 1, address: a, entries: 4 } }, { buffer_ring_head: { group: 1, is: 1 } }] }',
      'the head is 0',
    ],
    [
      'add_buffers: { address: a, entries: 4, buffers: [{ address: a, length: 1, repeat: 5 }] }',
      'the ring has only 4 entries',
    ],
  ])('%s: is not so', async (event, message) => {
    expect(await refusal(scene(event))).toContain(message);
  });

  it('is what they did', async () => {
    const { machine } = await build(
      scene(
        'ring_words: { fd: 3, set: { cq_flags: 1 }, are: { cq_flags: 1, sq_head: 0 } }',
        'register: { fd: 3, calls: [{ ring_fds: [{ fd: 3, index: 2 }] }] }',
        'submit: { index: 2, entries: [{ nop: true, data: 1, repeat: 2 }] }',
        'close: 3',
        'completions: { index: 2, are: [{ data: 1, repeat: 2 }] }',
        'register: { index: 2, calls: [{ personality: true, returns: 1 }] }',
        'enter: { index: 2 }',
        'map: { name: b, address: a + 1M, length: 4K }',
        'write: { address: b, text: late }',
        'holds: { address: b, text: late }',
        'open: { fd: 6, epoll: [{ fd: 4 }] }',
        'watch: { epoll: 6, fd: 4 }, fails: EEXIST',
        'ring: { fd: 3, entries: 0, fails: EINVAL }',
        'load: { fd: 4, count: 7 }',
        'load: { fd: 4, count: 0 }, fails: EAGAIN',
      ),
    );
    expect(machine.tasks.get(9)?.files?.size).toBe(2);
  });
});

describe('maps', () => {
  it('are laid out little-endian', async () => {
    const { maps } = await build(
      'maps: [{ name: m, type: hash, max_entries: 4, value_size: 2, entries: [{ key: i, value: 0x100 + i, repeat: 2 }] }]',
    );
    expect(maps[0]).toMatchObject({ name: 'm', type: 1, keySize: 4, valueSize: 2, maxEntries: 4 });
    expect(maps[0]?.entries.map(({ value }) => [...value])).toEqual([
      [0, 1],
      [1, 1],
    ]);
  });

  it.each([
    [
      'maps: [{ name: m, type: hash, max_entries: 4, value_size: 0 }]',
      's.yaml:1:47: must be 1 to 1048576 bytes',
    ],
    [
      'maps: [{ name: m, type: hash, max_entries: 4, entries: [{ key: 1 << 32, value: 0 }] }]',
      's.yaml:1:59: 4294967296 is more than 4294967295',
    ],
  ])('%s is refused', async (text, message) => {
    expect(await refusal(text)).toContain(message);
  });
});
