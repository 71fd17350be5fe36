/**
 * A `struct xdp_buff` as programs see it: the record in r1 over a frame of one page. A packet that does not fit
 * into it goes on in fragments; here they stand right behind the linear part, which programs cannot tell.
 */

import { kernelAddress } from '../../bpf/address.ts';
import type { Ram } from '../../kernel-model/ram.ts';
import { ETH_HLEN } from './ethernet.ts';
import { POINTERS, POINTERS_SIZE, XDP, XDP_SIZE } from './record.ts';
import { RecordMemory } from './record-memory.ts';

export const XDP_FRAME = 4096;
/** XDP_PACKET_HEADROOM */
export const XDP_HEADROOM = 256;
/** `struct xdp_frame`: the part of the headroom that programs do not get. */
export const XDP_FRAME_RECORD = 40;
/** `struct skb_shared_info`, aligned: what a frame keeps at its end. */
export const XDP_TAILROOM = 320;
/** Bytes of a fragment, and how many there can be (MAX_SKB_FRAGS). */
export const XDP_FRAGMENT = 4096;
export const XDP_FRAGMENTS = 17;
const LOOPBACK = 1;

export class XdpBuffer {
  readonly record: RecordMemory;
  /** Offsets in the frame. */
  dataMeta: number;
  data: number;
  dataEnd: number;
  /** Bytes of each fragment. */
  readonly fragments: number[] = [];
  private readonly ram: Ram;
  private readonly base: number;
  private readonly capacity: number;

  /**
   * @param bytes metadata, then the frame.
   * @param linear how many of the bytes stand in the first page.
   * @throws {OutOfMemory}
   */
  constructor(ram: Ram, bytes: Uint8Array, metadata: number, linear: number) {
    this.ram = ram;
    this.record = new RecordMemory(ram, XDP_SIZE + POINTERS_SIZE);
    this.capacity = XDP_FRAME + Math.max(0, bytes.length - linear) + XDP_FRAGMENT;
    this.base = ram.alloc(this.capacity, 64);
    new Uint8Array(ram.buffer, this.base, this.capacity).fill(0);
    this.dataMeta = XDP_HEADROOM - metadata;
    this.data = XDP_HEADROOM;
    this.dataEnd = this.dataMeta + linear;
    new Uint8Array(ram.buffer, this.base + this.dataMeta, bytes.length).set(bytes);
    for (let at = linear; at < bytes.length; at += XDP_FRAGMENT) {
      this.fragments.push(Math.min(XDP_FRAGMENT, bytes.length - at));
    }
    this.record.setU32(XDP.ingress_ifindex, LOOPBACK);
    this.sync();
  }

  get address(): bigint {
    return this.record.address;
  }

  /** Bytes of the packet, fragments too. */
  get length(): number {
    return this.linear + this.fragments.reduce((sum, size) => sum + size, 0);
  }

  /** Bytes before the fragments. */
  get linear(): number {
    return this.dataEnd - this.data;
  }

  /** The packet's bytes [at, at + length); negative ones are metadata. Good until memory grows. */
  bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.ram.buffer, this.base + this.data + at, length);
  }

  pointer(at: number): bigint {
    return kernelAddress(this.base + this.data + at);
  }

  /** Moves the packet's begin, and the metadata with it. False when there is no room. */
  moveHead(by: number): boolean {
    const metadata = this.data - this.dataMeta;
    const data = this.data + by;
    if (data < XDP_FRAME_RECORD + metadata || data > this.dataEnd - ETH_HLEN) return false;
    const frame = new Uint8Array(this.ram.buffer, this.base, this.capacity);
    frame.copyWithin(this.dataMeta + by, this.dataMeta, this.data);
    this.dataMeta += by;
    this.data = data;
    this.sync();
    return true;
  }

  /** Moves the packet's end. False when there is no room, or too little would be left. */
  moveTail(by: number): boolean {
    if (this.fragments.length > 0) return by < 0 ? this.shrinkFragments(-by) : this.growFragment(by);
    const end = this.dataEnd + by;
    if (end > XDP_FRAME - XDP_TAILROOM || end < this.data + ETH_HLEN) return false;
    if (by > 0) this.bytes(this.linear, by).fill(0);
    this.dataEnd = end;
    this.sync();
    return true;
  }

  /** Writes what the frame is now into the record. */
  sync(): void {
    const at = (offset: number) => kernelAddress(this.base + offset);
    this.record.setU64(XDP_SIZE + POINTERS.data, at(this.data));
    this.record.setU64(XDP_SIZE + POINTERS.dataEnd, at(this.dataEnd));
    this.record.setU64(XDP_SIZE + POINTERS.dataMeta, at(this.dataMeta));
    this.record.setU64(XDP_SIZE + POINTERS.length, BigInt(this.length));
  }

  free(): void {
    this.record.free();
    this.ram.free(this.base, this.capacity);
  }

  private shrinkFragments(by: number): boolean {
    if (by > this.length - ETH_HLEN) return false;
    let left = by;
    while (left > 0 && this.fragments.length > 0) {
      const last = this.fragments.length - 1;
      const size = this.fragments[last] as number;
      const part = Math.min(left, size);
      left -= part;
      if (part === size) this.fragments.pop();
      else this.fragments[last] = size - part;
    }
    this.dataEnd -= left;
    this.sync();
    return true;
  }

  private growFragment(by: number): boolean {
    const last = this.fragments.length - 1;
    const size = this.fragments[last] as number;
    if (by > XDP_FRAGMENT - size) return false;
    this.bytes(this.length, by).fill(0);
    this.fragments[last] = size + by;
    this.sync();
    return true;
  }
}
