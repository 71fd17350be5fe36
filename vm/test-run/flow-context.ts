/** Test runs of flow dissectors (bpf_prog_test_run_flow_dissector). */
import { Errno } from '../../bpf/errno.ts';
import { ETH_ALEN, ETH_HLEN } from '../context/ethernet.ts';
import { PacketBuffer } from '../context/packet-buffer.ts';
import { POINTERS, POINTERS_SIZE, SKB, SKB_SIZE } from '../context/record.ts';
import { RecordMemory } from '../context/record-memory.ts';
import type { Vm } from '../vm.ts';
import {
  contextBuffer,
  isZero,
  type TestContext,
  type TestInput,
  type TestOutput,
  TestRunError,
} from './test-context.ts';

/** Offsets in `struct bpf_flow_keys`, which is what the program fills in and the caller gets. */
const KEYS = { nhoff: 0, thoff: 2, n_proto: 10, flags: 48 } as const;
const KEYS_SIZE = 56;
const MAX_PACKET = 4096;
/** BPF_FLOW_DISSECTOR_F_*: bits of `flags` that a caller may set. */
const FLAGS = 7;

export function openFlow(vm: Vm, input: TestInput): TestContext | TestRunError {
  const frame = input.data ?? new Uint8Array(0);
  if (frame.length < ETH_HLEN || frame.length > MAX_PACKET)
    return new TestRunError(
      Errno.EINVAL,
      `the packet has ${frame.length} bytes, not ${ETH_HLEN} to ${MAX_PACKET}`,
    );
  const context = contextBuffer(input.context, KEYS_SIZE);
  if (context instanceof TestRunError) return context;
  if (context && !(isZero(context, 0, KEYS.flags) && isZero(context, KEYS.flags + 4)))
    return new TestRunError(Errno.EINVAL, 'only flags can be given');
  return new FlowContext(vm, frame, context);
}

class FlowContext implements TestContext {
  private readonly vm: Vm;
  private readonly record: RecordMemory;
  private readonly keys: RecordMemory;
  private readonly packet: PacketBuffer;
  private readonly context: Uint8Array | undefined;

  constructor(vm: Vm, frame: Uint8Array, context: Uint8Array | undefined) {
    this.vm = vm;
    this.context = context;
    this.record = new RecordMemory(vm.ram, SKB_SIZE + POINTERS_SIZE);
    this.keys = new RecordMemory(vm.ram, KEYS_SIZE);
    this.packet = new PacketBuffer(vm.ram, frame, 0, 0);
    this.record.setU64(SKB_SIZE + POINTERS.data, this.packet.address());
    this.record.setU64(SKB_SIZE + POINTERS.dataEnd, this.packet.address(frame.length));
    this.record.setU64(SKB.flow_keys, this.keys.address);
  }

  get address(): bigint {
    return this.record.address;
  }

  begin(): void {
    this.vm.contexts.current = 'none';
    const keys = this.keys.bytes();
    keys.fill(0);
    const view = this.view();
    view.setUint16(KEYS.nhoff, ETH_HLEN, true);
    view.setUint16(KEYS.thoff, ETH_HLEN, true);
    keys.set(this.packet.bytes(2 * ETH_ALEN, 2), KEYS.n_proto);
    const flags = this.context ? new DataView(this.context.buffer).getUint32(KEYS.flags, true) : 0;
    view.setUint32(KEYS.flags, flags & FLAGS, true);
  }

  /** The offsets that a program gives are brought into the packet. */
  verdict(retval: number): number {
    const view = this.view();
    const clamp = (value: number, low: number) => Math.min(Math.max(value, low), this.packet.length);
    const network = clamp(view.getUint16(KEYS.nhoff, true), ETH_HLEN);
    view.setUint16(KEYS.nhoff, network, true);
    view.setUint16(KEYS.thoff, clamp(view.getUint16(KEYS.thoff, true), network), true);
    return retval;
  }

  finish(): TestOutput {
    return { data: this.keys.bytes().slice(), context: this.context ?? new Uint8Array(0) };
  }

  free(): void {
    this.record.free();
    this.keys.free();
    this.packet.free();
  }

  private view(): DataView {
    const keys = this.keys.bytes();
    return new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
  }
}
