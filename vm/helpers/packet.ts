/** What helpers on packets share: finding the packet of a context, and helper numbers by name. */
import { FaultKind } from '../../bpf/abi.ts';
import { helperId } from '../../bpf/helpers.ts';
import type { Skb } from '../context/skb.ts';
import type { XdpBuffer } from '../context/xdp.ts';
import type { HelperCall, HelperFunction } from '../helper-call.ts';
import type { HelperContext } from './context.ts';

export const INT_MAX = 0x7fff_ffff;

/** Number of a helper. @throws {Error} for a name that Linux does not have: a bug. */
export function numberOf(name: string): number {
  const id = helperId(name);
  if (id === undefined) throw new Error(`there is no helper ${name}`);
  return id;
}

/** A helper whose first argument is a `__sk_buff`; any other context is a fault. */
export function onSkb(
  context: HelperContext,
  helper: (skb: Skb, call: HelperCall) => bigint | number,
): HelperFunction {
  return (call) => {
    const skb = context.vm.contexts.skbs.get(call.arg(1));
    return skb ? helper(skb, call) : wrongContext(call);
  };
}

/** As `onSkb`, for one that may move the packet: afterwards the record says where it is. */
export function onMovingSkb(
  context: HelperContext,
  helper: (skb: Skb, call: HelperCall) => bigint | number,
): HelperFunction {
  return onSkb(context, (skb, call) => {
    const result = helper(skb, call);
    skb.computePointers();
    context.vm.setPacket(skb.legacy);
    return result;
  });
}

/** A helper whose first argument is an `xdp_md`. */
export function onXdp(
  context: HelperContext,
  helper: (xdp: XdpBuffer, call: HelperCall) => bigint | number,
): HelperFunction {
  return (call) => {
    const xdp = context.vm.contexts.xdps.get(call.arg(1));
    return xdp ? helper(xdp, call) : wrongContext(call);
  };
}

export function wrongContext(call: HelperCall): number {
  call.fault(FaultKind.BadArgument, call.arg(1));
  return 0;
}

/** Memory that a helper reads; empty, with a fault raised, when it is not there. */
export function readArgument(call: HelperCall, address: bigint, length: number): Uint8Array {
  const bytes = length === 0 ? new Uint8Array(0) : call.ram.read(address, length);
  if (bytes) return bytes;
  call.fault(FaultKind.Read, address);
  return new Uint8Array(length);
}

/** Writes memory that the program gave to a helper; a fault is raised when it is not there. */
export function writeArgument(call: HelperCall, address: bigint, bytes: Uint8Array): void {
  if (bytes.length > 0 && !call.ram.write(address, bytes)) call.fault(FaultKind.Write, address);
}
