/** Test runs over a `struct xdp_md` (bpf_prog_test_run_xdp). */
import { Errno } from '../../bpf/errno.ts';
import { ETH_HLEN } from '../context/ethernet.ts';
import { XDP, XDP_SIZE } from '../context/record.ts';
import {
  XDP_FRAGMENT,
  XDP_FRAGMENTS,
  XDP_FRAME,
  XDP_FRAME_RECORD,
  XDP_HEADROOM,
  XDP_TAILROOM,
  XdpBuffer,
} from '../context/xdp.ts';
import { isMetadataLength } from '../helpers/xdp.ts';
import type { Vm } from '../vm.ts';
import {
  contextBuffer,
  type TestContext,
  type TestInput,
  type TestOutput,
  TestRunError,
} from './test-context.ts';

/** Bytes, metadata too, that the first page takes. */
const MAX_LINEAR = XDP_FRAME - XDP_HEADROOM - XDP_TAILROOM;
const LOOPBACK = 1;

/** Where the parts of `data_in` end. */
interface Parts {
  /** Bytes of metadata in front of the packet. */
  metadata: number;
  /** Bytes, metadata too, in the first page. */
  linear: number;
}

export function openXdp(vm: Vm, input: TestInput): TestContext | TestRunError {
  const bytes = input.data ?? new Uint8Array(0);
  const context = contextBuffer(input.context, XDP_SIZE);
  if (context instanceof TestRunError) return context;
  const parts = partsOf(bytes.length, context);
  if (parts instanceof TestRunError) return parts;
  const { metadata, linear } = parts;
  if (bytes.length - metadata < ETH_HLEN)
    return new TestRunError(Errno.EINVAL, `the packet has fewer than ${ETH_HLEN} bytes`);
  if (bytes.length - linear > XDP_FRAGMENT * XDP_FRAGMENTS)
    return new TestRunError(Errno.ENOMEM, `the packet needs more than ${XDP_FRAGMENTS} fragments`);
  const xdp = new XdpBuffer(vm.ram, bytes, metadata, linear);
  return new XdpContext(vm, xdp, context);
}

function partsOf(length: number, context: Uint8Array | undefined): Parts | TestRunError {
  if (!context) return { metadata: 0, linear: Math.min(length, MAX_LINEAR) };
  const view = new DataView(context.buffer);
  const field = (at: number) => view.getUint32(at, true);
  const metadata = field(XDP.data);
  const end = field(XDP.data_end);
  if (field(XDP.data_meta) !== 0 || end > length || metadata > end)
    return new TestRunError(
      Errno.EINVAL,
      'data_meta 0 <= data <= data_end <= length of the packet does not hold',
    );
  if (!isMetadataLength(metadata) || metadata > XDP_HEADROOM - XDP_FRAME_RECORD)
    return new TestRunError(Errno.EINVAL, `${metadata} bytes of metadata are not allowed`);
  const error = deviceError(field(XDP.ingress_ifindex), field(XDP.rx_queue_index), field(XDP.egress_ifindex));
  return error ?? { metadata, linear: Math.min(end, MAX_LINEAR + metadata) };
}

/** The only device is the loopback one, which has one queue, not registered for XDP by itself. */
function deviceError(ingress: number, queue: number, egress: number): TestRunError | undefined {
  if (egress !== 0 || (ingress === 0 && queue !== 0))
    return new TestRunError(
      Errno.EINVAL,
      'egress_ifindex, or rx_queue_index without a device, cannot be given',
    );
  if (ingress > LOOPBACK)
    return new TestRunError(Errno.ENODEV, 'there is no device but 1, the loopback device');
  if (queue > 0) return new TestRunError(Errno.EINVAL, 'the loopback device has one queue');
  return undefined;
}

class XdpContext implements TestContext {
  private readonly vm: Vm;
  private readonly xdp: XdpBuffer;
  private readonly context: Uint8Array | undefined;

  constructor(vm: Vm, xdp: XdpBuffer, context: Uint8Array | undefined) {
    this.vm = vm;
    this.xdp = xdp;
    this.context = context;
    vm.contexts.xdps.set(xdp.address, xdp);
  }

  get address(): bigint {
    return this.xdp.address;
  }

  begin(): void {
    this.vm.contexts.current = 'xdp';
  }

  finish(): TestOutput {
    const { xdp } = this;
    const metadata = xdp.data - xdp.dataMeta;
    const data = xdp.bytes(-metadata, metadata + xdp.length).slice();
    if (!this.context) return { data, context: new Uint8Array(0) };
    const context = this.context.slice();
    const view = new DataView(context.buffer);
    view.setUint32(XDP.data, metadata, true);
    view.setUint32(XDP.data_end, metadata + xdp.linear, true);
    return { data, context };
  }

  free(): void {
    this.vm.contexts.xdps.delete(this.xdp.address);
    this.xdp.free();
  }
}
