/** Every case of reading an iterator file, driven by a compiled program over an array of eight elements. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import type { OpenIterator } from '../../session/open-iterator.ts';
import type { LoadedIterator, LoadedObject, Session } from '../../session/session.ts';
import { choices, type IterChoice } from '../../session/targets.ts';
import { KERNELS, loadProgram, onlyIterator, sessionOf } from './support.ts';

const CLOSING = 0xffff_ffff_ffff_ffffn;
const ZERO = new Uint8Array(4);
const EMPTY_MAP = 'maps: [{ name: nothing, type: hash, max_entries: 4 }]';

interface Settings {
  elementBytes?: number;
  closingBytes?: number;
  retryKey?: number;
  retries?: number;
}

describe.each(KERNELS)('reading an iterator on %s', (kernel) => {
  let session: Session;
  let object: LoadedObject;
  let iterator: LoadedIterator;

  beforeEach(async () => {
    session = await sessionOf(EMPTY_MAP, kernel);
    object = loadProgram(session, 'seq_read');
    iterator = onlyIterator(object);
  });

  function set(settings: Settings): void {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, settings.elementBytes ?? 8, true);
    view.setUint32(4, settings.closingBytes ?? 0, true);
    view.setUint32(8, settings.retryKey ?? 0, true);
    view.setUint32(12, settings.retries ?? 0, true);
    expect(object.vmObject.maps.get('seq_read.data')?.update(ZERO, bytes)).toBe(0);
  }

  /** [seq_num, key] of every run so far. */
  function history(): [bigint, bigint][] {
    const bytes = object.vmObject.maps.get('seq_read.bss')?.get(ZERO) ?? new Uint8Array(16);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    return Array.from({ length: view.getUint32(8, true) }, (_, i) => [
      view.getBigUint64(16 + 16 * i, true),
      view.getBigUint64(24 + 16 * i, true),
    ]);
  }

  function open(map = 'elements'): OpenIterator {
    const [choice] = choices(session, 'bpf_map_elem', { map });
    const opened = session.open(iterator, choice as IterChoice);
    if (typeof opened === 'number') throw new Error(`attaching fails with ${opened}`);
    return opened;
  }

  /** Lengths of reads, negative errno values as they are. */
  function reads(file: OpenIterator, count: number, size = 65536): (number | undefined)[] {
    return Array.from({ length: count }, () => {
      const result = file.read(size);
      if (typeof result === 'number') return result;
      return result instanceof Uint8Array ? result.length : undefined;
    });
  }

  it('an element may emit 32767 bytes', () => {
    set({ elementBytes: 32767 });
    expect(reads(open(), 9)).toEqual([...Array(8).fill(32767), 0]);
  });

  it('32768 bytes are too many, at every read, with another run', () => {
    set({ elementBytes: 32768 });
    expect(reads(open(), 3)).toEqual([-Errno.E2BIG, -Errno.E2BIG, -Errno.E2BIG]);
    expect(history()).toEqual([
      [0n, 0n],
      [0n, 0n],
      [0n, 0n],
    ]);
  });

  it('what was there before an overflow is returned, and the element shown again under its number', () => {
    set({ elementBytes: 20_000 });
    expect(reads(open(), 2)).toEqual([20_000, 20_000]);
    expect(history()).toEqual([
      [0n, 0n],
      [1n, 1n],
      [1n, 1n],
      [2n, 2n],
    ]);
  });

  it('a first element that asks for a retry gives EAGAIN and keeps its number', () => {
    set({ retryKey: 0, retries: 2 });
    expect(reads(open(), 4)).toEqual([-Errno.EAGAIN, -Errno.EAGAIN, 64, 0]);
    expect(history().slice(0, 4)).toEqual([
      [0n, 0n],
      [0n, 0n],
      [0n, 0n],
      [1n, 1n],
    ]);
  });

  it('a later one ends the read; the next read gives EAGAIN', () => {
    set({ retryKey: 3, retries: 2 });
    expect(reads(open(), 4)).toEqual([24, -Errno.EAGAIN, 40, 0]);
    expect(history().slice(3, 6)).toEqual([
      [3n, 3n],
      [3n, 3n],
      [3n, 3n],
    ]);
  });

  it('in the closing call the wish is ignored and the output kept', () => {
    set({ closingBytes: 100, retryKey: 0xffff_ffff, retries: 1 });
    expect(reads(open(), 2)).toEqual([164, 0]);
  });

  it('the closing call has the number of the last element, 0 for none', () => {
    set({});
    expect(reads(open(), 2)).toEqual([64, 0]);
    expect(history().at(-1)).toEqual([7n, CLOSING]);
    set({ closingBytes: 3 });
    expect(reads(open('nothing'), 2)).toEqual([3, 0]);
    expect(history().at(-1)).toEqual([0n, CLOSING]);
  });

  it('a closing call that overflows is made again by the next read', () => {
    set({ elementBytes: 4095, closingBytes: 100 });
    expect(reads(open(), 3)).toEqual([32760, 100, 0]);
    expect(history().filter(([, key]) => key === CLOSING)).toHaveLength(2);
  });

  it('a closing call that never fits gives E2BIG at every read', () => {
    set({ elementBytes: 0, closingBytes: 32768 });
    expect(reads(open(), 3)).toEqual([-Errno.E2BIG, -Errno.E2BIG, -Errno.E2BIG]);
    expect(history().filter(([, key]) => key === CLOSING)).toHaveLength(3);
  });

  it('reads of 20 bytes drain what is left over alone', () => {
    set({});
    expect(reads(open(), 6, 20)).toEqual([20, 4, 20, 4, 16, 0]);
  });

  it('reads of one byte show one element a refill and close once', () => {
    set({});
    expect(reads(open(), 66, 1)).toEqual([...Array(64).fill(1), 0, 0]);
    expect(history().filter(([, key]) => key === CLOSING)).toHaveLength(1);
    expect(history()).toHaveLength(9);
  });

  it('a read of nothing shows the first element', () => {
    set({});
    const file = open();
    expect(reads(file, 1, 0)).toEqual([0]);
    expect(history()).toEqual([[0n, 0n]]);
    expect(reads(file, 3)).toEqual([8, 56, 0]);
  });

  it('a bad user pointer loses nothing', () => {
    set({});
    const file = open();
    expect(file.read(65536, { faultAt: 0 })).toBe(-Errno.EFAULT);
    expect(file.read(65536, { faultAt: 10 })).toBe(-Errno.EFAULT);
    expect(reads(file, 2)).toEqual([64, 0]);
    expect(history()).toHaveLength(9);
  });

  it('after the end there is nothing, without another run', () => {
    set({});
    const file = open();
    expect(reads(file, 5)).toEqual([64, 0, 0, 0, 0]);
    expect(history()).toHaveLength(9);
  });

  it('the link may be closed before the first read', () => {
    set({});
    const file = open();
    file.closeLink();
    expect(reads(file, 2)).toEqual([64, 0]);
  });
});
