/**
 * The socket that a test run puts behind a packet: unconnected and closed, of the packet's family and addresses
 * (a `struct bpf_sock` record, and what `__sk_buff` shows of it).
 */
import type { Ram } from '../../kernel-model/ram.ts';
import { EtherType } from './ethernet.ts';
import { SKB, SOCK, SOCK_SIZE } from './record.ts';
import { RecordMemory } from './record-memory.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const TCP_CLOSE = 7;
/** `rx_queue_mapping` of a socket that has none. */
const NO_QUEUE = 0xffff_ffff;

interface Addresses {
  source: Uint8Array;
  destination: Uint8Array;
}

export class Socket {
  readonly record: RecordMemory;
  private readonly family: number;
  private readonly addresses: Addresses;

  /** @param payload of the frame: the network header on. */
  constructor(ram: Ram, protocol: number, payload: Uint8Array) {
    this.record = new RecordMemory(ram, SOCK_SIZE);
    this.family = protocol === EtherType.Ip ? AF_INET : protocol === EtherType.Ipv6 ? AF_INET6 : 0;
    this.addresses = addressesOf(this.family, payload);
    this.record.setU32(SOCK.family, this.family);
    this.record.setU32(SOCK.state, TCP_CLOSE);
    this.record.setU32(SOCK.rx_queue_mapping, NO_QUEUE);
    const { source, destination } = this.addresses;
    const [from, to] = this.family === AF_INET ? [SOCK.src_ip4, SOCK.dst_ip4] : [SOCK.src_ip6, SOCK.dst_ip6];
    this.record.bytes(from, source.length).set(source);
    this.record.bytes(to, destination.length).set(destination);
  }

  /** Writes family and addresses into a `__sk_buff` record. */
  describeIn(skb: RecordMemory): void {
    const { source, destination } = this.addresses;
    const [local, remote] =
      this.family === AF_INET ? [SKB.local_ip4, SKB.remote_ip4] : [SKB.local_ip6, SKB.remote_ip6];
    skb.setU32(SKB.family, this.family);
    skb.bytes(local, source.length).set(source);
    skb.bytes(remote, destination.length).set(destination);
  }

  free(): void {
    this.record.free();
  }
}

/** In network order; empty for other families. */
function addressesOf(family: number, payload: Uint8Array): Addresses {
  if (family === AF_INET) return { source: payload.slice(12, 16), destination: payload.slice(16, 20) };
  if (family === AF_INET6) return { source: payload.slice(8, 24), destination: payload.slice(24, 40) };
  return { source: new Uint8Array(0), destination: new Uint8Array(0) };
}
