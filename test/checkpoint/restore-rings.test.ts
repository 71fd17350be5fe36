/** Rings come back as they were: set up, mapped, with what is registered with them. */
import { describe, expect, it } from 'vitest';
import { KERNELS, NEW_KERNELS, restoredScene } from './restore-support.ts';

const task = (rings: string, more = '') => `
tasks:
  - pid: 100
    comm: app
${more}
    rings:
${rings}
`;

describe.each(KERNELS)('rings on %s', (kernel) => {
  it('come back with their sizes and flags [1, 2, 3, 4, 63]', async () => {
    await restoredScene(
      task(`
      - { fd: 3, entries: 4 }
      - { fd: 4, entries: 5, flags: [CQSIZE], cq_entries: 64 }
      - { fd: 7, entries: 1, flags: [CLAMP] }
      - { fd: 8, entries: 2, flags: [IOPOLL] }
      - { fd: 9, entries: 2, flags: [R_DISABLED] }
`),
      kernel,
    );
  });

  it('share threads again, with their idle times and processors [5, 6, 7, 9]', async () => {
    const { after } = await restoredScene(
      task(`
      - { fd: 3, entries: 2, flags: [SQPOLL, SQ_AFF], sq_thread_cpu: 1, sq_thread_idle: 1500 }
      - { fd: 4, entries: 2, flags: [SQPOLL, ATTACH_WQ], wq_fd: 3, sq_thread_idle: 20 }
      - { fd: 5, entries: 2, flags: [SQPOLL], sq_thread_idle: 100 }
      - { fd: 6, entries: 2, flags: [ATTACH_WQ], wq_fd: 3 }
`),
      kernel,
    );
    expect(after.rings.map(({ setup }) => setup.thread)).toEqual([0, 0, 2, undefined]);
  });

  it('charge whom they charged [47]', async () => {
    const { after } = await restoredScene(
      `
tasks:
  - { pid: 100, uid: 1000, mappings: [{ address: 0x10000000, length: 8K }], rings: [{ fd: 3, register: [{ buffers: [{ address: 0x10000000, length: 4K }] }] }] }
  - { pid: 200, uid: 1001, capabilities: [CAP_IPC_LOCK], rings: [{ fd: 3 }] }
  - { pid: 300, rings: [{ fd: 3, flags: [SQPOLL] }] }
`,
      kernel,
    );
    expect(after.rings.map(({ setup }) => setup.payer)).toEqual([1000, undefined, undefined]);
  });

  it('have their eventfd, personalities and limits [58-60, 65]', async () => {
    await restoredScene(
      task(
        `
      - fd: 3
        register:
          - { eventfd: 10 }
          - { personality: true }
          - { personality: true }
          - { personality: true }
          - { unregister_personality: 2 }
          - { unregister_personality: 3 }
          - { worker_limits: [3, 4] }
      - { fd: 4, register: [{ eventfd: 11, async: true }] }
`,
        `
    files:
      - { fd: 10, eventfd: 5 }
      - { fd: 11, eventfd: 0 }
`,
      ),
      kernel,
    );
  });

  it('have their files, with tags and holes [51, 53, 54]', async () => {
    await restoredScene(
      task(
        `
      - { fd: 3, register: [{ files: [10, none, 11, 10, none] }] }
      - { fd: 4, register: [{ files: [{ fd: 10, tag: 7 }, none, { fd: 11, tag: 0 }] }] }
      - { fd: 5, register: [{ files: [none, none] }] }
`,
        `
    files:
      - { fd: 10, eventfd: 5 }
      - { fd: 11, open: /dev/null }
`,
      ),
      kernel,
    );
  });

  it('have their buffers, with tags and holes [42, 43, 48]', async () => {
    await restoredScene(
      task(
        `
      - { fd: 3, register: [{ buffers: [{ address: 0x10000010, length: 5000 }, none, { address: 0x10002000, length: 1 }] }] }
      - { fd: 4, register: [{ buffers: [{ address: 0x10000000, length: 4K, tag: 9 }, none] }] }
      - { fd: 5, register: [{ buffers: [none, none] }] }
`,
        `
    mappings:
      - { address: 0x10000000, length: 16K }
`,
      ),
      kernel,
    );
  });

  it('have their restrictions, in force or not yet [61, 62, 63]', async () => {
    await restoredScene(
      task(`
      - fd: 3
        flags: [R_DISABLED]
        register:
          - { restrictions: { register: [FILES], submit: [NOP], allowed: [IO_LINK] } }
          - { enable: true }
      - { fd: 4, flags: [R_DISABLED], register: [{ restrictions: {} }] }
`),
      kernel,
    );
  });
});

describe.each(NEW_KERNELS)('rings on %s', (kernel) => {
  it('have the flags of newer kernels [14, 16, 17, 18]', async () => {
    await restoredScene(
      task(`
      - { fd: 3, flags: [SQE128, CQE32, SUBMIT_ALL] }
      - { fd: 4, flags: [COOP_TASKRUN, TASKRUN_FLAG] }
      - { fd: 5, flags: [SINGLE_ISSUER, DEFER_TASKRUN] }
      - { fd: 6, flags: [SINGLE_ISSUER, R_DISABLED] }
`),
      kernel,
    );
  });
});
