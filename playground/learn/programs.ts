/** The programs of the lessons, in assembly: all are rejected, until the learner has mended them. */

export const NULL_CHECK = `; Counts packets of one kind in a map.
.type socket
.license GPL
.map counts hash key 4 value 8 entries 256

  *(u32 *)(r10 - 4) = 7           ; the key, on the stack
  r1 = map[counts]
  r2 = r10
  r2 += -4
  call bpf_map_lookup_elem
  r1 = 1
  lock *(u64 *)(r0 + 0) += r1     ; adds one to the value
out:
  r0 = 0
  exit
`;

export const PACKET = `; Reads the Ethernet type of a packet.
.type tc
.license GPL

  r0 = 0
  r2 = *(u32 *)(r1 + 76)          ; skb->data
  r3 = *(u32 *)(r1 + 80)          ; skb->data_end
  r4 = r2
  r4 += 12
  if r4 > r3 goto out             ; packets that are too short
  r5 = *(u16 *)(r2 + 12)          ; the type: two bytes from 12 on
  if r5 != 0x608 goto out
  r0 = 2
out:
  exit
`;

export const RANGES = `; Reads an element of an array that the packet chooses.
.type socket
.license GPL
.map table array key 4 value 16 entries 1

  r6 = *(u32 *)(r1 + 0)           ; skb->len: any number
  *(u32 *)(r10 - 4) = 0
  r1 = map[table]
  r2 = r10
  r2 += -4
  call bpf_map_lookup_elem
  if r0 == 0 goto out
  r6 &= 31                        ; now it is 0 to 31
  r0 += r6
  r0 = *(u8 *)(r0 + 0)            ; the value has 16 bytes
  exit
out:
  r0 = 0
  exit
`;

export const LOOP = `; Adds up the bytes of a buffer on the stack.
.type socket
.license GPL

  *(u64 *)(r10 - 8) = 0x01020304
  r0 = 0                          ; the sum
  r1 = 0                          ; the counter
again:
  r2 = r10
  r2 += -8
  r2 += r1
  r3 = *(u8 *)(r2 + 0)
  r0 += r3
  r1 += 1
  if r1 <= 8 goto again
  exit
`;

export const LEAK = `; Hands a record to user space through a ring buffer.
.type xdp
.license GPL
.map events ringbuf entries 4096

  r1 = map[events]
  r2 = 8
  r3 = 0
  call bpf_ringbuf_reserve        ; from here on the record is ours
  if r0 == 0 goto out
  r6 = r0
  call bpf_ktime_get_ns
  *(u64 *)(r6 + 0) = r0
  if r0 == 0 goto out
  r1 = r6
  r2 = 0
  call bpf_ringbuf_submit         ; given away
out:
  r0 = 2
  exit
`;
