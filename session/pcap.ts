/**
 * Classic capture files (libpcap; draft-ietf-opsawg-pcap): a header of 24 bytes, then records of 16 bytes and a
 * packet each. Both byte orders, timestamps in micro- or nanoseconds, Ethernet only.
 */
import { InputError } from '../bpf/input-error.ts';

const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;
const FILE_HEADER = 24;
const RECORD_HEADER = 16;
/** LINKTYPE_ETHERNET, in the low 16 bits of its field; bits above say how long a frame check sequence is. */
const ETHERNET = 1;
const LINK_TYPE_MASK = 0xffff;
/** Longest packet that any writer of such files makes (MAXIMUM_SNAPLEN of libpcap). */
const MAX_PACKET = 262_144;
/** A pcapng file begins with this. */
const PCAPNG = 0x0a0d0d0a;

export interface CapturedPacket {
  readonly seconds: number;
  /** Micro- or nanoseconds, as the file has them. */
  readonly fraction: number;
  /** What was captured: possibly not the whole packet. */
  readonly bytes: Uint8Array;
  /** Bytes that the packet had on the wire. */
  readonly wireLength: number;
}

export interface Capture {
  readonly nanoseconds: boolean;
  readonly packets: readonly CapturedPacket[];
}

/** @throws {InputError} naming the offset of what is no capture file, or is cut off. */
export function readCapture(bytes: Uint8Array, file: string): Capture {
  const fail = (reason: string, offset = 0): never => {
    throw new InputError(reason, { file, offset });
  };
  if (bytes.length < FILE_HEADER) fail('the file is shorter than the header of a capture file');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = isMagic(view.getUint32(0, true));
  const magic = view.getUint32(0, little);
  if (!isMagic(magic))
    fail(magic === PCAPNG ? 'pcapng is not read; convert it to pcap' : 'this is no capture file (pcap)');
  const link = view.getUint32(20, little) & LINK_TYPE_MASK;
  if (link !== ETHERNET) fail(`packets of link type ${link} are not read, only Ethernet (1)`, 20);
  const packets: CapturedPacket[] = [];
  for (let at = FILE_HEADER; at < bytes.length; ) {
    if (bytes.length - at < RECORD_HEADER) fail('the file ends within the header of a packet', at);
    const word = (index: number) => view.getUint32(at + 4 * index, little);
    const length = word(2);
    if (length > MAX_PACKET) fail(`a packet of ${length} bytes; there are none above ${MAX_PACKET}`, at + 8);
    const start = at + RECORD_HEADER;
    if (bytes.length - start < length) fail('the file ends within a packet', start);
    packets.push({
      seconds: word(0),
      fraction: word(1),
      bytes: bytes.subarray(start, start + length),
      wireLength: word(3),
    });
    at = start + length;
  }
  return { nanoseconds: magic === NANOSECONDS, packets };
}

/** A capture file in little-endian order. */
export function writeCapture({ nanoseconds, packets }: Capture): Uint8Array {
  const size = packets.reduce((sum, packet) => sum + RECORD_HEADER + packet.bytes.length, FILE_HEADER);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, nanoseconds ? NANOSECONDS : MICROSECONDS, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, MAX_PACKET, true);
  view.setUint32(20, ETHERNET, true);
  let at = FILE_HEADER;
  for (const packet of packets) {
    const words = [packet.seconds, packet.fraction, packet.bytes.length, packet.wireLength];
    words.forEach((word, i) => {
      view.setUint32(at + 4 * i, word, true);
    });
    bytes.set(packet.bytes, at + RECORD_HEADER);
    at += RECORD_HEADER + packet.bytes.length;
  }
  return bytes;
}

function isMagic(word: number): boolean {
  return word === MICROSECONDS || word === NANOSECONDS;
}
