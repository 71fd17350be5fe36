/** Programs to begin with. What each says of its verdict is tested. */

export interface Template {
  readonly name: string;
  /** What the verifier of 6.12 makes of it, for root. */
  readonly isAccepted: boolean;
  readonly text: string;
}

export const TEMPLATES: readonly Template[] = [
  {
    name: 'XDP: let every packet pass',
    isAccepted: true,
    text: `; The smallest XDP program: every packet goes on to the network stack.
.type xdp
.license GPL

  r0 = 2                          ; XDP_PASS
  exit
`,
  },
  {
    name: 'Packet access, with a bounds check',
    isAccepted: true,
    text: `; Reads the Ethernet type: bytes of a packet may be read only
; where a comparison with data_end has shown that they exist.
.type tc
.license GPL

  r0 = 0                          ; TC_ACT_OK
  r2 = *(u32 *)(r1 + 76)          ; skb->data
  r3 = *(u32 *)(r1 + 80)          ; skb->data_end
  r4 = r2
  r4 += 14                        ; behind the Ethernet header
  if r4 > r3 goto out             ; try without this line
  r5 = *(u16 *)(r2 + 12)          ; Ethernet type
  if r5 != 0x608 goto out         ; ARP, in network order
  r0 = 2                          ; TC_ACT_SHOT
out:
  exit
`,
  },
  {
    name: 'Map lookup, the NULL check missing',
    isAccepted: false,
    text: `; Rejected: a lookup returns NULL for a key that the map does not have.
; Repair it: "if r0 == 0 goto out" behind the call.
.type socket
.license GPL
.map counts hash key 4 value 8 entries 256

  *(u32 *)(r10 - 4) = 7           ; the key, on the stack
  r1 = map[counts]
  r2 = r10
  r2 += -4                        ; address of the key
  call bpf_map_lookup_elem
  r1 = 1
  lock *(u64 *)(r0 + 0) += r1     ; R0 may be NULL
out:
  r0 = 0
  exit
`,
  },
  {
    name: 'Bounded loop',
    isAccepted: true,
    text: `; Adds up the bytes of a buffer on the stack. The verifier walks the loop
; until it knows that the counter ends it.
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
  if r1 < 8 goto again            ; try 9: outside of the buffer
  exit
`,
  },
  {
    name: 'Call of a subprogram',
    isAccepted: true,
    text: `; A function of the program's own has a stack of its own and gets r1 to r5.
.type socket
.license GPL

  r6 = r1                         ; r6 to r9 outlive calls
  r1 = 20
  r2 = 22
  call add
  r7 = r0
  r0 = *(u32 *)(r6 + 0)           ; skb->len
  r0 += r7
  exit

add:
  r0 = r1
  r0 += r2
  exit
`,
  },
  {
    name: 'Iterator: a byte for each task',
    isAccepted: true,
    text: `; Called once for each task; the context is struct bpf_iter__task:
; meta at 0, task at 8. What is written to meta->seq is what a reader reads.
.section "iter/task"
.license GPL
.map text array value 4 entries 1 flags rdonly_prog frozen
.data text "*"

  r6 = r1
  r1 = *(u64 *)(r6 + 8)           ; ctx->task
  if r1 == 0 goto out             ; NULL after the last task
  r1 = *(u64 *)(r6 + 0)           ; ctx->meta
  r1 = *(u64 *)(r1 + 0)           ; meta->seq
  r2 = map[text][0]               ; address of the value
  r3 = 1
  call bpf_seq_write
out:
  r0 = 0
  exit
`,
  },
  {
    name: 'Ring buffer: a record that leaks',
    isAccepted: false,
    text: `; Rejected: what is reserved has to be submitted or discarded on every path.
; Repair it: remove the second "goto out".
.type xdp
.license GPL
.map events ringbuf entries 4096

  r1 = map[events]
  r2 = 8                          ; bytes
  r3 = 0
  call bpf_ringbuf_reserve
  if r0 == 0 goto out
  r6 = r0
  call bpf_ktime_get_ns
  *(u64 *)(r6 + 0) = r0
  if r0 == 0 goto out             ; leaves without giving the record back
  r1 = r6
  r2 = 0
  call bpf_ringbuf_submit
out:
  r0 = 2                          ; XDP_PASS
  exit
`,
  },
  {
    name: 'Callback: bpf_loop',
    isAccepted: true,
    text: `; The kernel calls a function of the program: r1 is the round, r2 what was
; handed over. Callbacks are verified apart from the loop that calls them.
.type xdp
.license GPL

  *(u64 *)(r10 - 8) = 0           ; the sum
  r1 = 100                        ; rounds
  r2 = subprog[round]
  r3 = r10
  r3 += -8                        ; handed over
  r4 = 0                          ; flags
  call bpf_loop
  r0 = 2                          ; XDP_PASS
  exit

round:
  r3 = *(u64 *)(r2 + 0)
  r3 += r1
  *(u64 *)(r2 + 0) = r3
  r0 = 0                          ; go on; 1 ends the loop
  exit
`,
  },
];
