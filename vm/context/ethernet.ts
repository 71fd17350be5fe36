/** Ethernet headers, as far as Linux looks into them when a packet arrives (linux/if_ether.h). */

/** Bytes: two addresses and the type. */
export const ETH_HLEN = 14;
export const VLAN_HLEN = 4;
/** Bytes of IPv4 and IPv6 headers without options. */
export const IPV4_HLEN = 20;
export const IPV6_HLEN = 40;
/** Bytes of an address. */
export const ETH_ALEN = 6;

export const enum EtherType {
  Ip = 0x0800,
  Ipv6 = 0x86dd,
  Vlan = 0x8100,
  VlanAd = 0x88a8,
  /** Smaller numbers are lengths: an 802.3 frame. */
  First = 0x0600,
  /** What Linux calls 802.3 frames without and with an 802.2 header. */
  Raw8023 = 0x0001,
  Llc = 0x0004,
}

/** `skb->pkt_type` */
export const enum PacketType {
  Host = 0,
  Broadcast = 1,
  Multicast = 2,
  OtherHost = 3,
}

export function isVlan(type: number): boolean {
  return type === EtherType.Vlan || type === EtherType.VlanAd;
}

/**
 * What protocol a type field says that `at` bytes of a frame end with.
 * @param at offset of what follows the field.
 */
export function protocolOf(frame: Uint8Array, at: number): number {
  const type = u16(frame, at - 2);
  if (type >= EtherType.First) return type;
  const raw = frame.length >= at + 2 && u16(frame, at) === 0xffff;
  return raw ? EtherType.Raw8023 : EtherType.Llc;
}

/** Whom a frame is for, on a loopback device: its address is 00:00:00:00:00:00. */
export function packetType(frame: Uint8Array): PacketType {
  const destination = frame.subarray(0, ETH_ALEN);
  if (destination.every((byte) => byte === 0)) return PacketType.Host;
  if (destination.every((byte) => byte === 0xff)) return PacketType.Broadcast;
  return ((destination[0] as number) & 1) === 1 ? PacketType.Multicast : PacketType.OtherHost;
}

/** Big-endian. */
export function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

export function setU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value & 0xff;
}

/** A 16-bit number as it lies in memory in network order, read as a little-endian one. */
export function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >> 8) & 0xff);
}
