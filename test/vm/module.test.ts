import { WASI } from 'node:wasi';
import { describe, expect, it } from 'vitest';
import { Layout, RunStatus, State } from '../../bpf/abi.ts';
import {
  ARENA_PAGES,
  ARENAS,
  DIRECT_MAP,
  HIGH_FRAMES,
  HIGH_PFN,
  KERNEL_IMAGE,
  PAGE_SHIFT,
  PAGE_SIZE,
  PAGE_STRUCT_SIZE,
  TASK_SIZE,
  VMALLOC,
  VMALLOC_PAGES,
  VMEMMAP,
} from '../../bpf/address.ts';
import { assemble } from '../../bpf/asm.ts';
import { Vm } from '../../vm/index.ts';
import { createVm, vmModule } from '../../vm/node.ts';
import type { CoreExports } from '../../vm/wasm.ts';

describe('vm.wasm', () => {
  it('imports WASI and kernel.helper, nothing else', () => {
    const imports = WebAssembly.Module.imports(vmModule());
    expect(imports.filter(({ module }) => module !== 'wasi_snapshot_preview1')).toEqual([
      { module: 'kernel', name: 'helper', kind: 'function' },
    ]);
    expect(imports.map(({ name }) => name)).toContain('fd_write');
    expect(imports.filter(({ name }) => /clock|random|path|sock|environ/.test(name))).toEqual([]);
  });

  it('has the address map of bpf/address.ts', async () => {
    const { exports } = (await createVm()).core;
    const value = (name: string) => BigInt.asUintN(64, BigInt((exports[name] as WebAssembly.Global).value));
    const expected = {
      DIRECT_MAP,
      VMEMMAP,
      VMALLOC,
      VMALLOC_PAGES,
      ARENAS,
      ARENA_PAGES,
      KERNEL_IMAGE,
      TASK_SIZE,
      PAGE_SHIFT,
      PAGE_SIZE,
      PAGE_STRUCT_SIZE,
      HIGH_PFN,
      HIGH_FRAMES,
    };
    for (const [name, number] of Object.entries(expected)) expect(value(name), name).toBe(BigInt(number));
  });

  it('runs under node:wasi as it does under @wasmer/wasi', () => {
    const wasi = new WASI({ version: 'preview1' });
    const calls: number[] = [];
    const helper = (id: number) => {
      calls.push(id);
      new DataView(core.memory.buffer).setBigUint64(State.Result, 40n, true);
    };
    const instance = new WebAssembly.Instance(vmModule(), {
      wasi_snapshot_preview1: wasi.wasiImport,
      kernel: { helper },
    });
    wasi.initialize(instance);
    const core = instance.exports as unknown as CoreExports;
    const code = assemble(
      'r6 = 1\ncall 4444\nr0 += r6\nr0 += 1\n*(u64 *)(r10 -8) = r0\nr0 = *(u64 *)(r10 -8)\nexit',
    );
    const from = core.privateAlloc(code.length, 8) >>> 0;
    expect(from).toBeGreaterThan(Layout.StaticBase);
    new Uint8Array(core.memory.buffer).set(code, from);
    const program = core.loadProgram(from, code.length / 8, 0) >>> 0;
    core.startRun(program, core.insnAtSlot(program, 0));
    expect(core.resumeRun(3)).toBe(RunStatus.Suspended);
    expect(core.resumeRun(1000)).toBe(RunStatus.Finished);
    expect(new DataView(core.memory.buffer).getBigUint64(State.Regs, true)).toBe(42n);
    expect(calls).toEqual([4444]);
  });

  it('keeps its statics below the model', async () => {
    const vm = await createVm();
    expect(vm.core.exports.privateAlloc(16, 16) >>> 0).toBeLessThan(Layout.LowStart);
    expect(vm.ram.alloc(16)).toBeGreaterThanOrEqual(Layout.LowStart);
  });
});

describe('trace_pipe', () => {
  it('leaves through stdout, whole, in order, once', async () => {
    const vm = await createVm();
    const line = new TextEncoder().encode(`${'x'.repeat(700)}\n`);
    const at = vm.ram.alloc(line.length);
    new Uint8Array(vm.ram.buffer).set(line, at);
    const { traceBytes } = vm.core.exports as unknown as { traceBytes(from: number, count: number): void };
    for (let i = 0; i < 100; i++) {
      new DataView(vm.ram.buffer).setUint8(at, 0x30 + (i % 10));
      traceBytes(at, line.length);
    }
    const lines = vm.takeTrace().split('\n');
    expect(lines.length).toBe(101);
    expect(lines.slice(0, 100).map((text) => text[0])).toEqual(
      Array.from({ length: 100 }, (_, i) => `${i % 10}`),
    );
    expect(lines.every((text, i) => text.length === (i < 100 ? 700 : 0))).toBe(true);
    expect(vm.takeTrace()).toBe('');
  });

  it('belongs to its machine', async () => {
    const [one, two] = await Promise.all([createVm(), Vm.create({ wasm: vmModule() })]);
    const { traceBytes } = one.core.exports as unknown as { traceBytes(from: number, count: number): void };
    const at = one.ram.alloc(2);
    new Uint8Array(one.ram.buffer).set([0x61, 0x0a], at);
    traceBytes(at, 2);
    expect(two.takeTrace()).toBe('');
    expect(one.takeTrace()).toBe('a\n');
  });
});
