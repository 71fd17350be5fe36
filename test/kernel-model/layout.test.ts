import { beforeAll, describe, expect, test } from 'vitest';
import { DIRECT_MAP, KERNEL_IMAGE, VMEMMAP } from '../../bpf/address.ts';
import { BtfKind } from '../../bpf/btf.ts';
import { InputError } from '../../bpf/input-error.ts';
import {
  hlistAddHead,
  hlistDel,
  hlistNodes,
  listAddTail,
  listDel,
  listEmpty,
  listInit,
  listNodes,
} from '../../kernel-model/list.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import {
  mutexOwner,
  mutexTryLock,
  mutexUnlock,
  rwsemReaders,
  rwsemReadUnlock,
  rwsemTryRead,
  rwsemTryWrite,
  rwsemWriteLocked,
  rwsemWriteUnlock,
} from '../../kernel-model/mutex.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { lowOffset, UseAfterFree } from '../../kernel-model/record.ts';
import {
  getLowPointer,
  getPagePointer,
  getU64,
  setLowPointer,
  setPagePointer,
  setU64,
} from '../../kernel-model/words.ts';
import { KERNELS, newMachine } from './support.ts';

describe('layout', () => {
  const ring = openProfile('6.12').layout('io_ring_ctx');

  test('paths go through structs, wrappers and arrays', () => {
    expect(ring.field('uring_lock.owner.counter')).toMatchObject({ offset: 64, size: 8, signed: true });
    expect(ring.field('uring_lock.owner')).toMatchObject({ offset: 64, scalar: true, kind: BtfKind.Struct });
    expect(ring.offset('iowq_limits[1]')).toBe(1140);
    expect(openProfile('6.12').layout('files_struct').offset('fd_array[63]')).toBe(160 + 63 * 8);
    expect(openProfile('6.12').layout('io_mapped_ubuf').offset('bvec[2].bv_len')).toBe(32 + 2 * 16 + 8);
  });

  test('bitfields know their bit', () => {
    expect(ring.field('restricted')).toMatchObject({ offset: 4, bitOffset: 1, bitSize: 1 });
    expect(ring.field('poll_activated')).toMatchObject({ offset: 5, bitOffset: 0, bitSize: 1 });
    expect(() => ring.offset('restricted')).toThrow(/bitfield/);
  });

  test('members of unnamed unions are reached as in C', () => {
    const page = openProfile('6.12').layout('page');
    expect(page.offset('_mapcount')).toBe(48);
    expect(page.offset('lru.prev')).toBe(16);
  });

  test('absent members are absent', () => {
    expect(ring.has('dummy_ubuf')).toBe(false);
    expect(openProfile('6.1').layout('io_ring_ctx').has('dummy_ubuf')).toBe(true);
    expect(ring.has('fd_array[0]')).toBe(false);
    expect(ring.has('iowq_limits[2]')).toBe(false);
    expect(ring.has('flags.nothing')).toBe(false);
    expect(ring.first('cq_ev_fd', 'io_ev_fd').path).toBe('io_ev_fd');
    expect(() => ring.first('a', 'b')).toThrow(InputError);
    expect(() => ring.find('a..b')).toThrow(/bad member path/);
  });
});

describe.each(KERNELS)('records of %s', (kernel) => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await newMachine(kernel);
  });

  test('numbers, wide numbers, signs', () => {
    const ring = machine.heap.allocate('io_ring_ctx');
    expect(ring.address).toBe(DIRECT_MAP + BigInt(ring.offset));
    ring.assign({ flags: 0xffff_ffff, nr_user_bufs: 3 });
    expect(ring.get('flags')).toBe(0xffff_ffff);
    expect(ring.get('nr_user_bufs')).toBe(3);
    const data = machine.heap.allocate('io_sq_data').set('sq_cpu', -1);
    expect(data.get('sq_cpu')).toBe(-1);
    expect(data.set('state', 0xffff_ffff_ffff_ffffn).big('state')).toBe(0xffff_ffff_ffff_ffffn);
    expect(() => data.get('state')).toThrow(/needs 64 bits/);
    expect(data.add('refs', 2)).toBe(2);
  });

  test('setting one bitfield leaves its neighbours alone', () => {
    const ring = machine.heap.allocate('io_ring_ctx');
    ring.set('restricted', true).set('drain_next', 1).set('restricted', 0);
    expect([ring.get('restricted'), ring.get('drain_next'), ring.get('off_timeout_used')]).toEqual([0, 1, 0]);
    expect(ring.get('flags')).toBe(0);
  });

  test('text is cut so that its NUL fits', () => {
    const task = machine.heap.allocate('task_struct').setText('comm', 'a-very-long-task-name');
    expect(task.text('comm')).toBe('a-very-long-tas');
    expect(task.setText('comm', 'b').text('comm')).toBe('b');
  });

  test('pointers and embedded structs', () => {
    const file = machine.heap.allocate('file');
    const dentry = machine.heap.allocate('dentry');
    file.point('f_path.dentry', dentry);
    expect(file.big('f_path.dentry')).toBe(dentry.address);
    expect(file.sub('f_path').big('dentry')).toBe(dentry.address);
    expect(file.sub('f_path').address).toBe(file.addressOf('f_path'));
    expect(lowOffset(file.big('f_path.dentry'))).toBe(dentry.offset);
    expect(file.point('f_path.dentry', undefined).big('f_path.dentry')).toBe(0n);
    expect(() => file.get('f_path')).toThrow(TypeError);
  });

  test('use after free and double free are noticed', () => {
    const { heap } = machine;
    const file = heap.allocate('file');
    const [objects, { address }] = [heap.objects, file];
    expect(heap.at(address)).toBe(file);
    heap.free(file);
    expect(heap.objects).toBe(objects - 1);
    expect(() => file.get('f_flags')).toThrow(UseAfterFree);
    expect(() => heap.free(file)).toThrow(/freed twice/);
    expect(heap.isFreed(address)).toBe(true);
    expect(() => heap.at(address)).toThrow(UseAfterFree);
    expect(machine.ram.read(address, 4)).toEqual(new Uint8Array(4).fill(0x6b));
  });

  test('freed memory is used again only after the quarantine', () => {
    const { heap } = machine;
    const { address } = heap.allocate('seq_file');
    heap.free(heap.at(address) as never);
    const before = machine.ram.buffer.byteLength;
    for (let i = 0; i < 20_000; i++) heap.free(heap.allocate('io_ring_ctx'));
    expect(heap.isFreed(address)).toBe(false);
    expect(machine.ram.buffer.byteLength - before).toBeLessThan(16 << 20);
    expect(heap.allocate('seq_file').big('buf')).toBe(0n);
  });

  test('lists', () => {
    const { ram, heap } = machine;
    const [head, a, b, c] = ['list_head', 'list_head', 'list_head', 'list_head'].map(
      (name) => heap.allocate(name).address,
    ) as [bigint, bigint, bigint, bigint];
    listInit(ram, head);
    expect(listEmpty(ram, head)).toBe(true);
    listAddTail(ram, a, head);
    listAddTail(ram, b, head);
    listAddTail(ram, c, head);
    expect([...listNodes(ram, head)]).toEqual([a, b, c]);
    listDel(ram, a);
    expect([...listNodes(ram, head)]).toEqual([b, c]);
    expect([...listNodes(ram, a)]).toEqual([]);
  });

  test('hlists', () => {
    const { ram, heap } = machine;
    const head = heap.allocate('hlist_head').address;
    const [a, b] = [heap.allocate('hlist_node').address, heap.allocate('hlist_node').address];
    hlistAddHead(ram, a, head);
    hlistAddHead(ram, b, head);
    expect([...hlistNodes(ram, head)]).toEqual([b, a]);
    hlistDel(ram, b);
    hlistDel(ram, b);
    expect([...hlistNodes(ram, head)]).toEqual([a]);
    expect(heap.at(a)?.big('pprev')).toBe(head);
  });

  test('a mutex shows its owner', () => {
    const mutex = machine.heap.allocate('mutex');
    const [task, other] = [machine.heap.allocate('task_struct'), machine.heap.allocate('task_struct')];
    expect(mutexTryLock(mutex, task)).toBe(true);
    expect(mutexOwner(mutex)).toBe(task.address);
    expect(mutexTryLock(mutex, other)).toBe(false);
    expect(mutexTryLock(mutex, task)).toBe(false);
    mutexUnlock(mutex);
    expect(mutexOwner(mutex)).toBe(0n);
    expect(() => mutexUnlock(mutex)).toThrow(/unlock of a free/);
  });

  test('a semaphore has many readers or one writer', () => {
    const semaphore = machine.heap.allocate('rw_semaphore');
    const task = machine.heap.allocate('task_struct');
    expect([rwsemTryRead(semaphore), rwsemTryRead(semaphore)]).toEqual([true, true]);
    expect(rwsemReaders(semaphore)).toBe(2);
    expect(rwsemTryWrite(semaphore, task)).toBe(false);
    rwsemReadUnlock(semaphore);
    rwsemReadUnlock(semaphore);
    expect(() => rwsemReadUnlock(semaphore)).toThrow(/no reader/);
    expect(rwsemTryWrite(semaphore, task)).toBe(true);
    expect([rwsemWriteLocked(semaphore), rwsemTryRead(semaphore)]).toEqual([true, false]);
    rwsemWriteUnlock(semaphore);
    expect(() => rwsemWriteUnlock(semaphore)).toThrow(/no writer/);
  });

  test('symbols stand in the kernel image and are found by address', () => {
    const { symbols } = machine;
    const address = symbols.opaque('some_fops');
    expect(address).toBeGreaterThan(KERNEL_IMAGE);
    expect(symbols.opaque('some_fops')).toBe(address);
    expect(machine.symbolAddress('some_fops')).toBe(address);
    expect(machine.symbolAddress('no_such_symbol')).toBeUndefined();
    expect(machine.symbolAt(address + 5n)).toEqual({ name: 'some_fops', offset: 5n, size: 256n });
    expect(machine.symbolAt(address - 0x10_0000n)).toBeUndefined();
    symbols.word('vmemmap_base_copy', VMEMMAP);
    const bytes = machine.ram.read(symbols.word('vmemmap_base_copy', VMEMMAP), 8) as Uint8Array;
    expect(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)).toBe(VMEMMAP);
  });
});

test('words hold what pointers and big numbers need', () => {
  const view = new DataView(new ArrayBuffer(8));
  setU64(view, 0, 0x7fff_ffff_f000);
  expect(getU64(view, 0)).toBe(0x7fff_ffff_f000);
  setLowPointer(view, 0, 0x1234_5678);
  expect(view.getBigUint64(0, true)).toBe(DIRECT_MAP + 0x1234_5678n);
  expect(getLowPointer(view, 0)).toBe(0x1234_5678);
  setPagePointer(view, 0, 0x10_0003);
  expect(view.getBigUint64(0, true)).toBe(VMEMMAP + 64n * 0x10_0003n);
  expect(getPagePointer(view, 0)).toBe(0x10_0003);
  setU64(view, 0, 0);
  expect(getPagePointer(view, 0)).toBe(-1);
});
