/** Test runs of socket lookups (bpf_prog_test_run_sk_lookup): no packet, a `struct bpf_sk_lookup` in and out. */
import { Errno } from '../../bpf/errno.ts';
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

/** Offsets in `struct bpf_sk_lookup`. */
const LOOKUP = {
  sk: 0,
  family: 8,
  protocol: 12,
  remote_ip4: 16,
  remote_ip6: 20,
  remote_port: 36,
  local_ip4: 40,
  local_ip6: 44,
  local_port: 60,
} as const;
const LOOKUP_SIZE = 72;
const AF_INET = 2;
const AF_INET6 = 10;
const EAFNOSUPPORT = 97;
const SK_DROP = 0;
const SK_PASS = 1;

export function openLookup(vm: Vm, input: TestInput): TestContext | TestRunError {
  if (input.data !== undefined && input.data.length > 0)
    return new TestRunError(Errno.EINVAL, 'socket lookups have no packet');
  const context = contextBuffer(input.context, LOOKUP_SIZE);
  if (context instanceof TestRunError) return context;
  if (!context) return new TestRunError(Errno.EINVAL, 'socket lookups need a context');
  const view = new DataView(context.buffer);
  if (!isZero(context, LOOKUP.sk, LOOKUP.family) || !isZero(context, LOOKUP.local_port + 4))
    return new TestRunError(Errno.EINVAL, 'sk and ingress_ifindex cannot be given');
  if (view.getUint32(LOOKUP.local_port, true) > 0xffff)
    return new TestRunError(Errno.ERANGE, 'local_port has more than 16 bits');
  const family = view.getUint16(LOOKUP.family, true);
  if (family !== AF_INET && family !== AF_INET6)
    return new TestRunError(EAFNOSUPPORT, `family ${family} is neither AF_INET nor AF_INET6`);
  return new LookupContext(vm, context, family);
}

class LookupContext implements TestContext {
  private readonly vm: Vm;
  private readonly record: RecordMemory;
  private readonly context: Uint8Array;

  constructor(vm: Vm, context: Uint8Array, family: number) {
    this.vm = vm;
    this.context = context;
    this.record = new RecordMemory(vm.ram, LOOKUP_SIZE);
    const bytes = this.record.bytes();
    bytes.set(context);
    // The kernel keeps 16 bits of these, and the addresses of the family alone.
    bytes.fill(0, LOOKUP.family + 2, LOOKUP.protocol);
    bytes.fill(0, LOOKUP.protocol + 2, LOOKUP.remote_ip4);
    bytes.fill(0, LOOKUP.remote_port + 2, LOOKUP.local_ip4);
    if (family === AF_INET) {
      bytes.fill(0, LOOKUP.remote_ip6, LOOKUP.remote_port);
      bytes.fill(0, LOOKUP.local_ip6, LOOKUP.local_port);
    } else {
      bytes.fill(0, LOOKUP.remote_ip4, LOOKUP.remote_ip6);
      bytes.fill(0, LOOKUP.local_ip4, LOOKUP.local_ip6);
    }
  }

  get address(): bigint {
    return this.record.address;
  }

  begin(): void {
    this.vm.contexts.current = 'none';
  }

  /** No socket can have been selected. */
  verdict(retval: number): number {
    return retval === SK_DROP ? SK_DROP : SK_PASS;
  }

  finish(): TestOutput {
    return { data: new Uint8Array(0), context: this.context };
  }

  free(): void {
    this.record.free();
  }
}
