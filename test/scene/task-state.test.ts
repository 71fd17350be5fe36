/** What a scene says of a task beyond what it owns: who it is, where its files stand. */
import { describe, expect, it } from 'vitest';
import { Open } from '../../kernel-model/file.ts';
import { Machine } from '../../kernel-model/machine.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { buildScene, parseScene } from '../../kernel-model/scene/index.ts';
import type { Task } from '../../kernel-model/task.ts';
import { createVm } from '../../vm/node.ts';

async function build(...fields: string[]): Promise<{ machine: Machine; task: Task }> {
  const text = ['tasks:', '  - pid: 9', ...fields.map((field) => `    ${field}`), ''].join('\n');
  const machine = new Machine((await createVm()).ram, openProfile('6.12'));
  buildScene(parseScene(text, 's.yaml'), machine);
  return { machine, task: machine.tasks.get(9) as Task };
}

describe('credentials', () => {
  it('may differ from each other', async () => {
    const { task } = await build('uid: 1000', 'euid: 0', 'gid: 100', 'sgid: 5', 'groups: [27, 4]');
    expect(task.cred.state).toMatchObject({
      ...{ uid: 1000, euid: 0, suid: 1000, fsuid: 0 },
      ...{ gid: 100, egid: 100, sgid: 5, fsgid: 100 },
      groups: [4, 27],
    });
    expect(task.cred.capabilities).not.toBe(0n);
  });

  it('have the capabilities that are named', async () => {
    const { task } = await build('uid: 1000', 'capabilities: [CAP_SETUID, CAP_CHECKPOINT_RESTORE]');
    expect(task.cred.capabilities).toBe((1n << 7n) | (1n << 40n));
  });

  it('are ids', async () => {
    await expect(build('euid: -1')).rejects.toThrow('s.yaml:3');
    await expect(build('groups: 5')).rejects.toThrow('s.yaml:3:5: must be a list');
  });
});

describe('files', () => {
  it('stand at a position', async () => {
    const { task } = await build(
      'files:',
      '  - { fd: 3, open: /srv/f, size: 8K, pos: 5000 }',
      '  - { fd: 4, memfd: m, pos: 1K }',
    );
    expect([3, 4].map((fd) => task.files?.get(fd)?.record.get('f_pos'))).toEqual([5000, 1024]);
    await expect(build('files:', '  - { pos: 1, eventfd: 0 }')).rejects.toThrow(
      's.yaml:4:11: lseek by task 9 fails with ESPIPE: files of this kind have no position',
    );
  });

  it('have flags without having a path', async () => {
    const { task } = await build(
      'files:',
      '  - { fd: 3, eventfd: 0, flags: [NONBLOCK, CLOEXEC] }',
      '  - { fd: [5, 4], pipe: true, flags: [DIRECT] }',
      '  - { fd: 6, memfd: m, flags: [APPEND] }',
    );
    const flags = (fd: number) => task.files?.get(fd)?.flags;
    expect(flags(3)).toBe(Open.RdWr | Open.NonBlock);
    expect([3, 4].map((fd) => task.files?.closesOnExec(fd))).toEqual([true, false]);
    expect([flags(5), flags(4)]).toEqual([Open.Direct, Open.WrOnly | Open.Direct]);
    expect(flags(6)).toBe(Open.RdWr | Open.LargeFile | Open.Append);
    await expect(build('files:', '  - { eventfd: 0, flags: [DIRECT] }')).rejects.toThrow(
      'fcntl by task 9 fails with EINVAL: files of this kind do not take O_DIRECT',
    );
  });
});
