import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { VmCall } from '../../bpf/abi.ts';
import { DIRECT_MAP, VMEMMAP } from '../../bpf/address.ts';
import { helperId, helperName } from '../../bpf/helpers.ts';
import { kfuncNumber } from '../../vm/helpers/index.ts';
import { Rig, SYMBOL, USER_PAGE, u32, u64 } from './helper-rig.ts';

const rig = await Rig.create();
const call = (name: string, ...args: (bigint | number)[]) =>
  rig.call(helperId(`bpf_${name}`) as number, ...args);
const EFAULT = -14n;
const EINVAL = -22n;
const ENOENT = -2n;
const ERANGE = -34n;
const ENAMETOOLONG = -36n;

/** A task called "reader": pid 42 of process 40, uid 1000, gid 100. */
function becomeTask(): void {
  const task = rig.alloc(64);
  rig.vm.ram.write(
    task,
    Uint8Array.of(...u32(42), ...u32(40), ...u64(rig.put(Uint8Array.of(...u32(1000), ...u32(100))))),
  );
  rig.vm.ram.write(task + 16n, new TextEncoder().encode('reader'));
  rig.kernel.task = task;
}

describe('bpf_probe_read_kernel', () => {
  const source = rig.put('0123456789');
  const out = () => rig.put(new Uint8Array(16).fill(0x7e));

  it('copies', () => {
    const to = out();
    expect(call('probe_read_kernel', to, 4, source + 2n)).toBe(0n);
    expect(rig.text(to, 5)).toBe('2345~');
    expect(call('probe_read_kernel', to, 0, 0)).toBe(0n);
  });

  it.each([
    ['NULL', 0n, ERANGE],
    ['user memory', USER_PAGE, ERANGE],
    ['non-canonical', 0x8000_0000_0000_0000n, ERANGE],
    ['unmapped', DIRECT_MAP, EFAULT],
    ['the end of the address space', 2n ** 64n - 2n, EFAULT],
  ])('%s: an error, and zeros', (_text, address, error) => {
    const to = out();
    expect(call('probe_read_kernel', to, 4, address)).toBe(error);
    expect(rig.text(to, 5)).toBe('\0\0\0\0~');
  });

  it('faults when the destination is none', () => {
    expect(() => call('probe_read_kernel', 0x10, 4, source)).toThrow('write of 4 bytes');
  });

  it('struct pages that nobody wrote read as zeros', () => {
    const to = out();
    expect(call('probe_read_kernel', to, 8, VMEMMAP + 64n * 0x10_0000n)).toBe(0n);
    expect(rig.u64(to)).toBe(0n);
  });

  it('strings end with NUL, and count it', () => {
    const to = out();
    expect(call('probe_read_kernel_str', to, 16, source)).toBe(11n);
    expect(call('probe_read_kernel_str', to, 4, source)).toBe(4n);
    expect(rig.text(to, 5)).toBe('012\x004');
    expect(call('probe_read_kernel_str', to, 0, source)).toBe(0n);
    expect(call('probe_read_kernel_str', to, 4, 8)).toBe(ERANGE);
    expect(call('probe_read_kernel_str', to, 4, VMEMMAP + 8192n)).toBe(1n);
    expect(call('probe_read_str', to, 16, source + 8n)).toBe(3n);
  });
});

describe('user memory', () => {
  rig.kernel.userPage.set(new TextEncoder().encode('user text\0'), 100);
  rig.kernel.userPage.fill(0x61, 4090);
  const text = USER_PAGE + 100n;

  it.each(['probe_read_user', 'probe_read', 'copy_from_user'])('%s', (name) => {
    const to = rig.put(new Uint8Array(8).fill(0x7e));
    expect(call(name, to, 4, text)).toBe(0n);
    expect(rig.text(to, 5)).toBe('user~');
    expect(call(name, to, 4, 0x10)).toBe(EFAULT);
    expect(rig.text(to, 5)).toBe('\0\0\0\0~');
  });

  it('strings', () => {
    const to = rig.alloc(32);
    expect(call('probe_read_user_str', to, 32, text)).toBe(10n);
    expect(rig.text(to, 10)).toBe('user text\0');
    expect(call('probe_read_user_str', to, 5, text)).toBe(5n);
    expect(rig.text(to, 5)).toBe('user\0');
    expect(call('probe_read_user_str', to, 32, USER_PAGE + 4090n)).toBe(EFAULT);
    expect(call('probe_read_user_str', to, 6, USER_PAGE + 4090n)).toBe(6n);
  });

  it('of another task, and writes', () => {
    const to = rig.alloc(8);
    expect(call('copy_from_user_task', to, 4, text, 1, 0)).toBe(0n);
    expect(call('copy_from_user_task', to, 4, text, 1, 1)).toBe(EINVAL);
    expect(call('probe_write_user', USER_PAGE, rig.put('new'), 4)).toBe(0n);
    expect(rig.kernel.userPage.slice(0, 4)).toEqual(Uint8Array.of(0x6e, 0x65, 0x77, 0));
    expect(call('probe_write_user', 8, rig.put('new'), 4)).toBe(EFAULT);
  });
});

describe('bpf_strtol and bpf_strtoul', () => {
  it.each([
    ['10', 0, 2n, 10n],
    ['  -42 ', 10, 5n, -42n],
    ['0x1fz', 0, 4n, 31n],
    ['0X1F', 16, 4n, 31n],
    ['1f', 16, 2n, 31n],
    ['017', 0, 3n, 15n],
    ['017', 10, 3n, 17n],
    ['0x', 0, 1n, 0n],
    ['08', 0, 1n, 0n],
    ['12abc', 10, 2n, 12n],
    ['9223372036854775807', 10, 19n, 2n ** 63n - 1n],
    ['-9223372036854775808', 10, 20n, -(2n ** 63n)],
    ['9223372036854775808', 10, ERANGE, 0n],
    ['-9223372036854775809', 10, ERANGE, 0n],
    ['99999999999999999999', 10, ERANGE, 0n],
    ['', 10, EINVAL, 0n],
    ['-', 10, EINVAL, 0n],
    ['abc', 10, EINVAL, 0n],
    ['+5', 10, EINVAL, 0n],
    ['5', 7, EINVAL, 0n],
    ['5', 0x20, EINVAL, 0n],
  ])('strtol("%s", base %i)', (text, base, used, value) => {
    const result = rig.alloc(8);
    expect(call('strtol', rig.put(text), text.length, base, result)).toBe(used);
    expect(BigInt.asIntN(64, rig.u64(result))).toBe(value);
  });

  it.each([
    ['18446744073709551615', 20n, 2n ** 64n - 1n],
    ['18446744073709551616', ERANGE, 0n],
    ['-1', EINVAL, 0n],
    ['7', 1n, 7n],
  ])('strtoul("%s")', (text, used, value) => {
    const result = rig.alloc(8);
    expect(call('strtoul', rig.put(text), text.length, 10, result)).toBe(used);
    expect(rig.u64(result)).toBe(value);
  });
});

it.each([
  ['abc', 3, 'abc', 0n],
  ['abc', 4, 'abc', 0n],
  ['abc', 3, 'abd', -1n],
  ['abd', 3, 'abc', 1n],
  ['abX', 2, 'abY', 0n],
  ['ab', 3, 'abc', -1n],
  ['\xff', 2, 'a', 1n],
])('bpf_strncmp("%s", %i, "%s")', (one, length, other, result) => {
  expect(call('strncmp', rig.put(one), length, rig.put(other))).toBe(result);
});

describe('bpf_csum_diff', () => {
  const words = rig.put(Uint8Array.of(...u32(1), ...u32(0xffff_ffff), ...u32(5)));
  it.each([
    [0n, 0, words, 4, 0, 1n],
    [0n, 0, words, 12, 0, 6n],
    [words, 4, 0n, 0, 0, 0xffff_fffen],
    [words, 8, words, 8, 7, 7n],
    [0n, 0, words, 3, 0, EINVAL],
    [0n, 0, words, 516, 0, EINVAL],
  ])('case %#', (from, fromLength, to, toLength, seed, result) => {
    expect(call('csum_diff', from, fromLength, to, toLength, seed)).toBe(result);
  });
});

describe('time, chance and place', () => {
  it("time is the model's", () => {
    rig.kernel.now = 1_000_000_000n;
    for (const name of ['ktime_get_ns', 'ktime_get_boot_ns', 'ktime_get_coarse_ns', 'ktime_get_tai_ns']) {
      expect(call(name)).toBe(1_000_000_000n);
    }
    expect(call('jiffies64')).toBe(4_294_892_296n + 250n);
  });

  it('random numbers are the same in every machine', async () => {
    const other = await Rig.create();
    const numbers = (which: Rig) => Array.from({ length: 4 }, () => which.call(7));
    rig.maps.exports.resetRandom();
    expect(numbers(rig)).toEqual(numbers(other));
    expect(new Set(numbers(rig)).size).toBe(4);
    expect(numbers(rig).every((number) => number >= 0n && number < 2n ** 32n)).toBe(true);
  });

  it('there is CPU 0 of 4, and one node', () => {
    expect(call('get_smp_processor_id')).toBe(0n);
    expect(call('get_numa_node_id')).toBe(0n);
    expect(call('this_cpu_ptr', SYMBOL)).toBe(BigInt.asIntN(64, SYMBOL));
    expect(call('per_cpu_ptr', SYMBOL, 3)).toBe(BigInt.asIntN(64, SYMBOL));
    expect(call('per_cpu_ptr', SYMBOL, 4)).toBe(0n);
  });
});

describe('the current task', () => {
  it('may be missing', () => {
    rig.kernel.task = 0n;
    expect(call('get_current_task')).toBe(0n);
    expect(call('get_current_pid_tgid')).toBe(EINVAL);
    expect(call('get_current_uid_gid')).toBe(EINVAL);
    const name = rig.put(new Uint8Array(16).fill(0x7e));
    expect(call('get_current_comm', name, 16)).toBe(EINVAL);
    expect(rig.u64(name)).toBe(0n);
  });

  it('is read out of its records', () => {
    becomeTask();
    expect(BigInt.asUintN(64, call('get_current_task_btf'))).toBe(rig.kernel.task);
    expect(call('get_current_pid_tgid')).toBe((40n << 32n) | 42n);
    expect(call('get_current_uid_gid')).toBe((100n << 32n) | 1000n);
    const name = rig.put(new Uint8Array(16).fill(0x7e));
    expect(call('get_current_comm', name, 16)).toBe(0n);
    expect(rig.text(name, 16)).toBe(`reader${'\0'.repeat(10)}`);
    expect(call('get_current_comm', name, 4)).toBe(0n);
    expect(rig.text(name, 4)).toBe('rea\0');
  });
});

it('bpf_task_pt_regs: at the top of a stack, a fault without one', () => {
  becomeTask();
  expect(() => call('task_pt_regs', rig.kernel.task)).toThrow('bpf_task_pt_regs');
  rig.vm.ram.write(rig.kernel.task + 32n, u64(0xffff_c900_0000_0000n));
  expect(BigInt.asUintN(64, call('task_pt_regs', rig.kernel.task))).toBe(0xffff_c900_0000_4000n - 168n);
});

describe('trace_pipe', () => {
  const print = (format: string, ...args: number[]) =>
    call('trace_printk', rig.put(format), format.length + 1, ...args);

  it('gets a line a call', () => {
    becomeTask();
    rig.kernel.now = 12_345_678_901n;
    rig.vm.takeTrace();
    expect(print('n=%d', 7)).toBe(3n);
    const data = rig.words(1, 2);
    expect(call('trace_vprintk', rig.put('%d-%d'), 6, data, 16)).toBe(3n);
    expect(rig.vm.takeTrace()).toBe(
      '               reader-42 [000] .....    12.345678: bpf_trace_printk: n=7\n' +
        '               reader-42 [000] .....    12.345678: bpf_trace_printk: 1-2\n',
    );
  });

  it('takes three arguments, 1023 bytes, and no bad formats', () => {
    expect(print('%d %d %d %d')).toBe(EINVAL);
    expect(print('%y')).toBe(EINVAL);
    expect(call('trace_vprintk', rig.put('%d'), 3, rig.words(1), 4)).toBe(EINVAL);
    rig.vm.takeTrace();
    expect(print('%2000d')).toBe(2000n);
    expect(rig.vm.takeTrace().split(': ')[2]).toBe(`${' '.repeat(1023)}\n`);
  });
});

describe('bpf_d_path', () => {
  const path = rig.alloc(16);
  rig.kernel.paths.set(path, '/tmp/x (deleted)');
  it('gives the length with NUL', () => {
    const buffer = rig.put(new Uint8Array(32).fill(0x7e));
    expect(call('d_path', path, buffer, 32)).toBe(17n);
    expect(rig.text(buffer, 18)).toBe('/tmp/x (deleted)\0~');
    expect(call('d_path', path, buffer, 17)).toBe(17n);
    expect(call('d_path', path, buffer, 16)).toBe(ENAMETOOLONG);
    expect(call('d_path', path, buffer, 0)).toBe(0n);
    expect(call('d_path', path + 8n, buffer, 32)).toBe(EFAULT);
  });
});

describe('symbols and pages', () => {
  it('bpf_kallsyms_lookup_name', () => {
    const result = rig.alloc(8);
    const name = rig.put('kernel_clone');
    expect(call('kallsyms_lookup_name', name, 13, 0, result)).toBe(0n);
    expect(rig.u64(result)).toBe(SYMBOL);
    expect(call('kallsyms_lookup_name', name, 13, 1, result)).toBe(EINVAL);
    expect(call('kallsyms_lookup_name', name, 12, 0, result)).toBe(EINVAL);
    expect(call('kallsyms_lookup_name', rig.put('nobody'), 7, 0, result)).toBe(ENOENT);
    expect(rig.u64(result)).toBe(0n);
  });

  it('bpf_page_to_pfn', () => {
    expect(kfuncNumber('bpf_page_to_pfn')).toBe(VmCall.PageToPfn);
    expect(rig.call(VmCall.PageToPfn, VMEMMAP + 64n * 0x10_1234n)).toBe(0x10_1234n);
    expect(BigInt.asUintN(64, rig.call(VmCall.PageToPfn, 0))).toBe(2n ** 64n - 1n);
  });
});

describe('locks and pointers in values', () => {
  it('a spin lock is held once', () => {
    const lock = rig.alloc(4);
    call('spin_lock', lock);
    expect(rig.u32(lock)).toBe(1);
    expect(() => call('spin_lock', lock)).toThrow('lock at');
    call('spin_unlock', lock);
    expect(rig.u32(lock)).toBe(0);
    expect(() => call('spin_unlock', lock)).toThrow('lock at');
  });

  it('bpf_kptr_xchg gives what stood there', () => {
    const place = rig.put(u64(5));
    expect(call('kptr_xchg', place, 9)).toBe(5n);
    expect(rig.u64(place)).toBe(9n);
  });
});

it('HelperId has the numbers of enum bpf_func_id', () => {
  const source = readFileSync(new URL('../../bpf/helper-id.ts', import.meta.url), 'utf8');
  const members = [...source.matchAll(/^ {2}(\w+) = (\d+),$/gm)];
  expect(members.length).toBeGreaterThan(60);
  for (const [, member, number] of members) {
    const name = (helperName(Number(number)) ?? '').replace(/^bpf_/, '').replaceAll('_', '');
    expect((member as string).toLowerCase()).toBe(name);
  }
});

describe('helpers that nobody answers', () => {
  it.each(['get_stackid', 'lwt_push_encap', 'get_branch_snapshot', 'skb_get_xfrm_state', 'sys_bpf'])(
    '%s is a fault',
    (name) => {
      expect(() => call(name, 1, 2, 3)).toThrow(name);
    },
  );
  it('so is a number that no helper has', () => {
    expect(() => rig.call(999)).toThrow('999');
  });
});
