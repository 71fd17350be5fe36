/** The packets of the runs under way, by the address that programs know them by. */
import type { Skb } from './skb.ts';
import type { XdpBuffer } from './xdp.ts';

export class Contexts {
  /** What the program that runs works on: some helpers take no context and depend on it. */
  current: 'skb' | 'xdp' | 'none' = 'none';
  readonly skbs = new Map<bigint, Skb>();
  readonly xdps = new Map<bigint, XdpBuffer>();
}
