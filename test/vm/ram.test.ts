import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Layout } from '../../bpf/abi.ts';
import {
  DIRECT_MAP,
  HIGH_FRAMES,
  HIGH_PFN,
  KERNEL_IMAGE,
  kernelAddress,
  PAGE_SIZE,
  pageAddress,
  VMALLOC,
  VMALLOC_PAGES,
  VMEMMAP,
} from '../../bpf/address.ts';
import { OutOfMemory } from '../../kernel-model/ram.ts';
import type { Vm } from '../../vm/index.ts';
import { createVm } from '../../vm/node.ts';

let vm: Vm;
beforeEach(async () => {
  vm = await createVm();
});

const HIGH = DIRECT_MAP + BigInt(HIGH_PFN) * BigInt(PAGE_SIZE);
const HIGH_END = HIGH + BigInt(HIGH_FRAMES) * BigInt(PAGE_SIZE);

describe('alloc', () => {
  it('gives zeroed memory that programs can address', () => {
    const at = vm.ram.alloc(100);
    expect(at).toBeGreaterThanOrEqual(Layout.LowStart);
    expect(vm.ram.translate(kernelAddress(at), 100, false)).toBe(at);
    expect(vm.ram.read(kernelAddress(at), 100)).toEqual(new Uint8Array(100));
  });

  it('zeroes memory that was used before', () => {
    const at = vm.ram.alloc(64);
    new Uint8Array(vm.ram.buffer, at, 64).fill(0xaa);
    vm.ram.free(at, 64);
    expect(vm.ram.alloc(64)).toBe(at);
    expect(new Uint8Array(vm.ram.buffer, at, 64)).toEqual(new Uint8Array(64));
  });

  it('never overlaps, keeps alignment and content, whatever is freed', () => {
    const size = fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: 300_000 }));
    const step = fc.record({ size, align: fc.integer({ min: 0, max: 12 }), free: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const live: { at: number; size: number; tag: number }[] = [];
        for (const [index, { size, align, free }] of steps.entries()) {
          const at = vm.ram.alloc(size, 1 << align);
          expect(at % (1 << align)).toBe(0);
          const bytes = new Uint8Array(vm.ram.buffer, at, size);
          expect(bytes.every((byte) => byte === 0)).toBe(true);
          bytes.fill((index % 255) + 1);
          live.push({ at, size, tag: (index % 255) + 1 });
          if (free < 4) {
            const [old] = live.splice(free % live.length, 1);
            if (old) vm.ram.free(old.at, old.size);
          }
        }
        for (const { at, size, tag } of live) {
          expect(new Uint8Array(vm.ram.buffer, at, size).every((byte) => byte === tag)).toBe(true);
          vm.ram.free(at, size);
        }
      }),
      { numRuns: 60, seed: 2 },
    );
  });

  it('reuses what is freed: memory does not grow without end', () => {
    const size = () => vm.ram.buffer.byteLength;
    for (let i = 0; i < 2000; i++) vm.ram.free(vm.ram.alloc(40_000), 40_000);
    const settled = size();
    for (let i = 0; i < 20_000; i++) vm.ram.free(vm.ram.alloc(40_000), 40_000);
    expect(size()).toBe(settled);
  });

  it('refuses what does not fit into 4 GiB, and goes on working', () => {
    expect(() => vm.ram.alloc(0xffff_ffff)).toThrow(OutOfMemory);
    expect(() => vm.ram.alloc(2 ** 33)).toThrow(OutOfMemory);
    expect(() => vm.ram.alloc(-1)).toThrow(RangeError);
    expect(vm.ram.alloc(16)).toBeGreaterThan(0);
  });

  it('survives programs that overwrite freed memory', () => {
    const blocks = Array.from({ length: 8 }, () => vm.ram.alloc(48));
    for (const at of blocks) vm.ram.free(at, 48);
    for (const at of blocks) new Uint8Array(vm.ram.buffer, at, 48).fill(0xff);
    for (let i = 0; i < 100; i++) expect(vm.ram.alloc(48)).toBeGreaterThanOrEqual(Layout.LowStart);
  });
});

describe('low memory', () => {
  it('ends with the last page in use; nothing below its start is mapped', () => {
    const at = vm.ram.alloc(PAGE_SIZE, PAGE_SIZE);
    const end = kernelAddress(at + PAGE_SIZE);
    expect(vm.ram.isMapped(end - 1n, 1)).toBe(true);
    expect(vm.ram.isMapped(end - 1n, 2)).toBe(false);
    for (const offset of [0, 8, 0x400, 0x1000, 0x10_0000, Layout.LowStart - 1]) {
      expect(vm.ram.isMapped(kernelAddress(offset), 1), `offset ${offset}`).toBe(false);
    }
    expect(vm.ram.isMapped(kernelAddress(Layout.LowStart - 4), 8)).toBe(false);
  });

  it('shows at the kernel image too, as far as that reaches', () => {
    const at = vm.ram.alloc(8);
    vm.ram.view.setUint32(at, 0x1234_5678, true);
    expect(vm.ram.translate(KERNEL_IMAGE + BigInt(at), 4, false)).toBe(at);
    expect(vm.ram.isMapped(KERNEL_IMAGE + BigInt(Layout.LowStart) - 1n, 1)).toBe(false);
    for (const errno of [-1n, -14n, -4095n]) {
      expect(vm.ram.isMapped(BigInt.asUintN(64, errno), 1)).toBe(false);
    }
  });

  it('ends neither at address 0 nor at user addresses', () => {
    for (const address of [0n, 1n, 0x1000n, 0x7fff_ffff_e000n, 0xffff_8000_0000_0000n, DIRECT_MAP - 1n]) {
      expect(vm.ram.isMapped(address, 1)).toBe(false);
      expect(vm.ram.read(address, 1)).toBeNull();
      expect(vm.ram.write(address, Uint8Array.of(1))).toBe(false);
    }
  });
});

describe('sparse memory', () => {
  it('reads as zeros and has no backing until it is written', () => {
    expect(vm.ram.isMapped(HIGH, PAGE_SIZE)).toBe(true);
    expect(vm.ram.translate(HIGH, 8, false)).toBe(-1);
    expect(vm.ram.read(HIGH + 4090n, 12)).toEqual(new Uint8Array(12));
    const at = vm.ram.translate(HIGH, 8, true);
    vm.ram.view.setUint8(at + 3, 7);
    expect(vm.ram.translate(HIGH, 8, false)).toBe(at);
    expect(vm.ram.read(HIGH, 8)?.[3]).toBe(7);
  });

  it('copies across pages, backed or not', () => {
    const bytes = Uint8Array.from({ length: 3 * PAGE_SIZE }, (_, i) => i % 251);
    const from = HIGH + BigInt(5 * PAGE_SIZE) - 100n;
    expect(vm.ram.translate(from, bytes.length, true)).toBe(-1);
    expect(vm.ram.write(from, bytes)).toBe(true);
    expect(vm.ram.read(from, bytes.length)).toEqual(bytes);
    expect(vm.ram.read(from - 3n, 6)).toEqual(Uint8Array.of(0, 0, 0, 0, 1, 2));
  });

  it('has borders', () => {
    expect(vm.ram.isMapped(HIGH - 1n, 1)).toBe(false);
    expect(vm.ram.isMapped(HIGH_END - 1n, 1)).toBe(true);
    expect(vm.ram.isMapped(HIGH_END - 1n, 2)).toBe(false);
    expect(vm.ram.isMapped(VMEMMAP - 1n, 2)).toBe(false);
    expect(vm.ram.isMapped(pageAddress(HIGH_PFN + HIGH_FRAMES) - 64n, 64)).toBe(true);
    expect(vm.ram.isMapped(pageAddress(HIGH_PFN + HIGH_FRAMES) - 64n, 65)).toBe(false);
    expect(vm.ram.write(HIGH_END - 4n, new Uint8Array(8))).toBe(false);
  });

  it('has pages that are others, next to each other', () => {
    const frames = [HIGH + BigInt(7 * PAGE_SIZE), HIGH + BigInt(3 * PAGE_SIZE)];
    const page = BigInt(PAGE_SIZE);
    expect(vm.ram.isMapped(VMALLOC, 1)).toBe(false);
    frames.forEach((frame, index) => {
      vm.ram.alias(VMALLOC + page * BigInt(index), vm.ram.translate(frame, PAGE_SIZE, true));
    });
    expect(vm.ram.isMapped(VMALLOC, 2 * PAGE_SIZE)).toBe(true);
    expect(vm.ram.isMapped(VMALLOC, 2 * PAGE_SIZE + 1)).toBe(false);
    expect(vm.ram.write(VMALLOC + page - 2n, Uint8Array.of(1, 2, 3, 4))).toBe(true);
    expect(vm.ram.read((frames[0] as bigint) + page - 2n, 2)).toEqual(Uint8Array.of(1, 2));
    expect(vm.ram.read(frames[1] as bigint, 3)).toEqual(Uint8Array.of(3, 4, 0));
    vm.ram.alias(VMALLOC, 0);
    expect(vm.ram.isMapped(VMALLOC, 1)).toBe(false);
    expect(vm.ram.write(VMALLOC + page - 1n, Uint8Array.of(9, 9))).toBe(false);
    expect(vm.ram.isMapped(VMALLOC + BigInt(VMALLOC_PAGES) * page - 1n, 1)).toBe(false);
    vm.ram.alias(VMALLOC + BigInt((VMALLOC_PAGES - 1) * PAGE_SIZE), 0);
  });

  it('holds a million struct pages at their own size', () => {
    const before = vm.ram.buffer.byteLength;
    for (let pfn = HIGH_PFN; pfn < HIGH_PFN + 1_000_000; pfn++) {
      const at = vm.ram.translate(pageAddress(pfn), 64, true);
      vm.ram.view.setUint32(at, pfn, true);
    }
    for (let pfn = HIGH_PFN; pfn < HIGH_PFN + 1_000_000; pfn += 9973) {
      expect(vm.ram.view.getUint32(vm.ram.translate(pageAddress(pfn), 4, false), true)).toBe(pfn);
    }
    expect(vm.ram.buffer.byteLength - before).toBeLessThan(64_000_000 * 1.25);
  });

  it('numbers a million user frames without backing them', () => {
    const before = vm.ram.buffer.byteLength;
    for (let frame = 0; frame < 1_000_000; frame += 100) {
      expect(vm.ram.isMapped(HIGH + BigInt(frame * PAGE_SIZE), PAGE_SIZE)).toBe(true);
    }
    expect(vm.ram.write(HIGH + BigInt(999_999 * PAGE_SIZE), Uint8Array.of(1))).toBe(true);
    expect(vm.ram.buffer.byteLength - before).toBeLessThan(20_000_000);
  });
});
