/**
 * A `struct sk_buff` as programs see it: the record in r1, the packet's bytes, where its headers begin, and the
 * socket behind it. Helpers change the packet through this class, which keeps the record in step.
 */
import type { Ram } from '../../kernel-model/ram.ts';
import type { LegacyPacket } from '../vm.ts';
import { ETH_HLEN, EtherType, IPV4_HLEN, IPV6_HLEN, packetType, protocolOf, swap16 } from './ethernet.ts';
import { PacketBuffer } from './packet-buffer.ts';
import { POINTERS, POINTERS_SIZE, SKB, SKB_SIZE } from './record.ts';
import { RecordMemory } from './record-memory.ts';
import { Socket } from './socket.ts';

/** NET_SKB_PAD: room that Linux leaves before a packet for headers to come. */
const HEADROOM = 64;
const TAILROOM = 320;
/** The loopback device. */
const LOOPBACK = 1;

export interface SkbOptions {
  /** The packet begins with its link-level header; else behind it. */
  l2: boolean;
  /** `data_end` and `data_meta` are there from the start; else helpers that move the packet set them. */
  pointers: boolean;
  /** As for stream parsers (sk_skb): `data_end` is always that of the packet. */
  stream?: boolean;
}

export class Skb {
  readonly record: RecordMemory;
  readonly packet: PacketBuffer;
  readonly socket: Socket;
  /** EtherType. */
  protocol: number;
  /** Offsets from the packet's first byte. */
  macHeader: number;
  networkHeader: number;
  /** The hardware-accelerated VLAN tag; protocol 0 for none. */
  vlanProtocol = 0;
  vlanTci = 0;
  encapsulation = false;
  /** Checksums that count as verified, less one (CHECKSUM_UNNECESSARY); undefined for none. */
  checksumLevel: number | undefined;
  private pointers: boolean;

  /** @param frame Ethernet frame, at least its header. @throws {OutOfMemory} */
  constructor(ram: Ram, frame: Uint8Array, options: SkbOptions) {
    this.pointers = options.pointers || options.stream === true;
    this.record = new RecordMemory(ram, SKB_SIZE + POINTERS_SIZE);
    this.packet = new PacketBuffer(ram, frame, HEADROOM, TAILROOM);
    this.protocol = protocolOf(frame, ETH_HLEN);
    this.socket = new Socket(ram, this.protocol, frame.subarray(ETH_HLEN));
    this.macHeader = 0;
    this.networkHeader = ETH_HLEN;
    if (!options.l2) this.pull(ETH_HLEN);
    this.record.setU32(SKB.pkt_type, packetType(frame));
    this.record.setU32(SKB.ifindex, LOOPBACK);
    this.record.setU64(SKB.sk, this.socket.record.address);
    this.socket.describeIn(this.record);
    this.sync();
  }

  /** What r1 holds. */
  get address(): bigint {
    return this.record.address;
  }

  get length(): number {
    return this.packet.length;
  }

  /** Of the link-level header: up to the network header. */
  get macLength(): number {
    return this.networkHeader - this.macHeader;
  }

  /** Bytes of the network header that its protocol always has; undefined for other protocols. */
  get networkBaseLength(): number | undefined {
    if (this.protocol === EtherType.Ip) return IPV4_HLEN;
    return this.protocol === EtherType.Ipv6 ? IPV6_HLEN : undefined;
  }

  get hash(): number {
    return this.record.u32(SKB.hash);
  }

  set hash(value: number) {
    this.record.setU32(SKB.hash, value);
  }

  /** Takes bytes of headroom into the packet; the headers stay where they are. */
  push(count: number): void {
    this.packet.push(count);
    this.macHeader += count;
    this.networkHeader += count;
  }

  /** Gives the first bytes back. */
  pull(count: number): void {
    this.packet.pull(count);
    this.macHeader -= count;
    this.networkHeader -= count;
  }

  /** Puts zeros before byte `at`; the headers before it move with their bytes. */
  insert(at: number, count: number): void {
    this.packet.insert(at, count);
  }

  /** Takes bytes out; the headers before them move with theirs. */
  remove(at: number, count: number): void {
    this.packet.remove(at, count);
  }

  /** Has `data_end` follow the packet from now on, as every helper does that may have moved it. */
  computePointers(): void {
    this.pointers = true;
    this.sync();
  }

  /** Writes what the packet is now into the record. */
  sync(): void {
    const { record, packet } = this;
    record.setU32(SKB.len, packet.length);
    record.setU32(SKB.protocol, swap16(this.protocol));
    record.setU32(SKB.vlan_present, this.vlanProtocol === 0 && this.vlanTci === 0 ? 0 : 1);
    record.setU32(SKB.vlan_tci, this.vlanTci);
    record.setU32(SKB.vlan_proto, swap16(this.vlanProtocol));
    record.setU64(SKB_SIZE + POINTERS.data, packet.address());
    record.setU64(SKB_SIZE + POINTERS.length, BigInt(packet.length));
    if (this.pointers) {
      record.setU64(SKB_SIZE + POINTERS.dataEnd, packet.address(packet.length));
      record.setU64(SKB_SIZE + POINTERS.dataMeta, packet.address());
    }
  }

  /** Where ld_abs and ld_ind find it. */
  get legacy(): LegacyPacket {
    return {
      offset: this.packet.offset,
      length: this.packet.length,
      networkHeader: this.networkHeader,
      linkHeader: this.macHeader,
    };
  }

  free(): void {
    this.record.free();
    this.packet.free();
    this.socket.free();
  }
}
