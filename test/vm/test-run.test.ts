/** BPF_PROG_TEST_RUN over the contexts that it knows, and what their helpers do to packets. */
import { beforeAll, describe, expect, it } from 'vitest';
import { BtfKind } from '../../bpf/btf.ts';
import { Errno } from '../../bpf/errno.ts';
import { helperId } from '../../bpf/helpers.ts';
import { Layout } from '../../kernel-model/layout.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { SKB, SKB_SIZE, SOCK, SOCK_SIZE, XDP, XDP_SIZE } from '../../vm/context/record.ts';
import { testRun } from '../../vm/test-run/index.ts';
import { frame, ProgType, TestRunRig } from './test-run-rig.ts';

let rig: TestRunRig;
beforeAll(async () => {
  rig = await TestRunRig.create();
});

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const call = (name: string) => `call ${name}#${helperId(name)}`;
const IP = 0x0800;
const IPV6 = 0x86dd;

/** A context of the ABI with these u32 fields. */
function context(size: number, fields: { [offset: number]: number }): Uint8Array {
  const bytes = new Uint8Array(size);
  for (const [at, value] of Object.entries(fields))
    new DataView(bytes.buffer).setUint32(Number(at), value, true);
  return bytes;
}

describe('records of contexts', () => {
  it.each([
    ['__sk_buff', SKB, SKB_SIZE],
    ['xdp_md', XDP, XDP_SIZE],
    ['bpf_sock', SOCK, SOCK_SIZE],
  ])('%s stands as Linux 6.12 has it', (name, fields, size) => {
    const { vmlinux } = openProfile('6.12');
    const layout = new Layout(vmlinux, vmlinux.find(name, BtfKind.Struct));
    expect(layout.size).toBe(size);
    for (const [field, offset] of Object.entries(fields))
      expect([field, layout.offset(field)]).toEqual([field, offset]);
  });
});

describe('a program that was not verified', () => {
  it('does not run over a context that is rewritten', () => {
    const program = rig.load(ProgType.Xdp, 'r0 = 2\nexit', false);
    expect(() => testRun(rig.vm, program, { data: frame(IP, 20) })).toThrow(/was not verified/);
  });
});

describe('test runs over __sk_buff', () => {
  const lengthOf = 'r0 = *(u32 *)(r1 +0)\nexit';

  it('have the frame for tc, and the packet behind the Ethernet header for others', () => {
    const data = frame(IP, 50);
    expect(rig.run(ProgType.SchedCls, lengthOf, { data }).retval).toBe(64);
    const filter = rig.run(ProgType.SocketFilter, lengthOf, { data });
    expect(filter.retval).toBe(50);
    expect(hex(filter.data)).toBe('00'.repeat(14) + hex(data.subarray(14)));
  });

  it('give packet pointers that reach the bytes', () => {
    const text = `
      r2 = *(u32 *)(r1 +${SKB.data})
      r3 = *(u32 *)(r1 +${SKB.data_end})
      r4 = r2
      r4 += 16
      r0 = 0
      if r4 > r3 goto end
      *(u8 *)(r2 +0) = 0xaa
      r0 = *(u8 *)(r2 +15)
      end: exit`;
    const { retval, data } = rig.run(ProgType.SchedCls, text, { data: frame(IP, 50) });
    expect(retval).toBe(1);
    expect(data[0]).toBe(0xaa);
    // A cgroup's programs get no data_end in a test run: every packet seems empty.
    const cgroup = text.replace('*(u8 *)(r2 +0) = 0xaa', '').replace('end:', 'r0 &= 1\nend:');
    expect(rig.run(ProgType.CgroupSkb, cgroup, { data: frame(IP, 50) }).retval).toBe(0);
  });

  it.each([
    ['an even shorter frame than a header', 10, IP, Errno.EINVAL],
    ['a frame that ends in the IP header', 30, IP, Errno.EINVAL],
    ['a frame that ends in the IPv6 header', 50, IPV6, Errno.EINVAL],
    ['a frame larger than a page', 4000, IP, Errno.EINVAL],
  ])('refuse %s', (_what, length, type, errno) => {
    const data = length < 14 ? new Uint8Array(length) : frame(type, length - 14);
    expect(rig.run(ProgType.SchedCls, lengthOf, { data })).toMatchObject({ errno, insns: 0 });
  });

  it('take and give what the context may say', () => {
    const text = `
      r2 = *(u32 *)(r1 +${SKB.mark})
      r2 += 1
      *(u32 *)(r1 +${SKB.mark}) = r2
      *(u32 *)(r1 +${SKB.cb + 4}) = 7
      r0 = *(u32 *)(r1 +${SKB.wire_len})
      exit`;
    const given = context(SKB_SIZE, { [SKB.mark]: 41, [SKB.cb]: 5, [SKB.priority]: 6 });
    const result = rig.run(ProgType.SchedCls, text, { data: frame(IP, 50), context: given });
    expect(result.retval).toBe(64);
    const expected = {
      [SKB.mark]: 42,
      [SKB.cb]: 5,
      [SKB.cb + 4]: 7,
      [SKB.priority]: 6,
      [SKB.ifindex]: 1,
      [SKB.wire_len]: 64,
    };
    expect(hex(result.context)).toBe(hex(context(SKB_SIZE, expected)));
  });

  it.each([
    ['len', { [SKB.len]: 1 }, Errno.EINVAL],
    ['hash', { [SKB.hash]: 1 }, Errno.EINVAL],
    ['tstamp_type', { [SKB.tstamp_type]: 1 }, Errno.EINVAL],
    ['ifindex of no device', { [SKB.ifindex]: 2 }, Errno.ENODEV],
    ['wire_len shorter than the packet', { [SKB.wire_len]: 1 }, Errno.EINVAL],
    ['too many gso_segs', { [SKB.gso_segs]: 65_536 }, Errno.EINVAL],
  ])('refuse %s in the context', (_what, fields, errno) => {
    const input = { data: frame(IP, 50), context: context(SKB_SIZE, fields) };
    expect(rig.run(ProgType.SchedCls, lengthOf, input).errno).toBe(errno);
  });

  it('refuse a context that goes on behind its end', () => {
    const input = { data: frame(IP, 50), context: new Uint8Array(SKB_SIZE + 8).fill(1, SKB_SIZE) };
    expect(rig.run(ProgType.SchedCls, lengthOf, input).errno).toBe(Errno.E2BIG);
    const zeros = { data: frame(IP, 50), context: new Uint8Array(SKB_SIZE + 8) };
    expect(rig.run(ProgType.SchedCls, lengthOf, zeros).errno).toBe(0);
  });

  it('keep 16 bits of tc_index, tc_classid and queue_mapping', () => {
    const text = (field: number, value: number) => `
      *(u32 *)(r1 +${field}) = ${value}
      r0 = *(u32 *)(r1 +${field})
      exit`;
    const run = (field: number, value: number) =>
      rig.run(ProgType.SchedCls, text(field, value), { data: frame(IP, 50) }).retval;
    expect(run(SKB.tc_index, 0x12345)).toBe(0x2345);
    expect(run(SKB.tc_classid, 0x12345)).toBe(0x2345);
    expect(run(SKB.queue_mapping, 7)).toBe(7);
    expect(run(SKB.queue_mapping, 0xffff)).toBe(0);
  });

  it('run as often as they are told, over the same packet', () => {
    const text = `
      r2 = *(u32 *)(r1 +${SKB.mark})
      r2 += 1
      *(u32 *)(r1 +${SKB.mark}) = r2
      r0 = r2
      exit`;
    expect(rig.run(ProgType.SchedCls, text, { data: frame(IP, 50), repeat: 5 })).toMatchObject({
      retval: 5,
      insns: 25,
    });
  });
});

describe('helpers on __sk_buff', () => {
  const run = (text: string, data: Uint8Array) => rig.run(ProgType.SchedCls, text, { data });
  const tail = (length: number) => `r6 = r1\nr2 = ${length}\nr3 = 0\n${call('bpf_skb_change_tail')}`;

  it('change_tail cuts the packet and makes it longer by zeros', () => {
    const text = (length: number) => `${tail(length)}\nr0 = *(u32 *)(r6 +0)\nexit`;
    const longer = run(text(80), frame(IP, 50));
    expect(longer.retval).toBe(80);
    expect(hex(longer.data)).toBe(hex(frame(IP, 50)) + '00'.repeat(16));
    expect(hex(run(text(20), frame(IP, 50)).data)).toBe(hex(frame(IP, 50).subarray(0, 20)));
    expect(run(`${tail(13)}\nexit`, frame(IP, 50)).retval).toBe(2 ** 32 - Errno.EINVAL);
  });

  it('change_head puts zeros in front, more than there was room', () => {
    const text = `r2 = 200\nr3 = 0\n${call('bpf_skb_change_head')}\nexit`;
    expect(hex(run(text, frame(IP, 50)).data)).toBe('00'.repeat(200) + hex(frame(IP, 50)));
  });

  it('adjust_room opens and closes room behind the network header', () => {
    const room = (change: number, mode: number) => `
      r2 = ${change}
      r3 = ${mode}
      r4 = 0
      ${call('bpf_skb_adjust_room')}
      exit`;
    const data = frame(IP, 50);
    const bytes = hex(data);
    expect(hex(run(room(4, 0), data).data)).toBe(`${bytes.slice(0, 68)}00000000${bytes.slice(68)}`);
    expect(hex(run(room(4, 1), data).data)).toBe(`${bytes.slice(0, 28)}00000000${bytes.slice(28)}`);
    expect(hex(run(room(-4, 0), data).data)).toBe(bytes.slice(0, 68) + bytes.slice(76));
    expect(run(room(-40, 1), data).retval).toBe(2 ** 32 - Errno.ENOTSUPP);
    expect(run(room(5000, 1), data).retval).toBe(2 ** 32 - Errno.EFAULT);
  });

  it('vlan_push keeps the tag beside the packet, a second one pushes it in, vlan_pop takes both off', () => {
    const push = (tci: number) => `r1 = r6\nr2 = 0x0081\nr3 = ${tci}\n${call('bpf_skb_vlan_push')}`;
    const once = run(`r6 = r1\n${push(5)}\nr0 = *(u32 *)(r6 +${SKB.vlan_tci})\nexit`, frame(IP, 50));
    expect(once.retval).toBe(5);
    expect(hex(once.data)).toBe(hex(frame(IP, 50)));
    const twice = run(`r6 = r1\n${push(5)}\n${push(6)}\nexit`, frame(IP, 50));
    expect(hex(twice.data)).toBe(`${'00'.repeat(12)}81000005${hex(frame(IP, 50).subarray(12))}`);
    const pop = `r1 = r6\n${call('bpf_skb_vlan_pop')}`;
    const back = run(
      `r6 = r1\n${push(5)}\n${push(6)}\n${pop}\n${pop}\nr0 = *(u32 *)(r6 +${SKB.vlan_present})\nexit`,
      frame(IP, 50),
    );
    expect(back.retval).toBe(0);
    expect(hex(back.data)).toBe(hex(frame(IP, 50)));
  });

  it('load_bytes and store_bytes stay inside the packet', () => {
    const load = (offset: number) => `
      *(u64 *)(r10 -8) = -1
      r2 = ${offset}
      r3 = r10
      r3 += -8
      r4 = 4
      ${call('bpf_skb_load_bytes')}
      if r0 == 0 goto good
      r0 = *(u32 *)(r10 -8)
      r0 += 1
      exit
      good: r0 = *(u32 *)(r10 -8)
      exit`;
    expect(run(load(16), frame(IP, 50)).retval).toBe(0x05040302);
    // Outside: -EFAULT, and zeros.
    expect(run(load(61), frame(IP, 50)).retval).toBe(1);
  });

  it('l3_csum_replace keeps a checksum right', () => {
    const text = `
      r2 = 24
      r3 = 0x0302
      r4 = 0x1122
      r5 = 2
      ${call('bpf_l3_csum_replace')}
      exit`;
    const data = frame(IP, 50);
    const sum = (bytes: Uint8Array, skip: number) => {
      let total = 0;
      for (let at = 14; at < 34; at += 2)
        if (at !== skip) total += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
      while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
      return ~total & 0xffff;
    };
    const before = sum(data, 24);
    data[24] = before >> 8;
    data[25] = before & 0xff;
    const { data: after } = run(text, data);
    const changed = data.slice();
    changed[16] = 0x22;
    changed[17] = 0x11;
    expect(((after[24] ?? 0) << 8) | (after[25] ?? 0)).toBe(sum(changed, 24));
  });

  it('legacy loads follow the packet', () => {
    const text = `
      r6 = r1
      r2 = 80
      r3 = 0
      ${call('bpf_skb_change_tail')}
      r1 = r6
      r0 = *(u8 *)skb[70]
      r0 += 9
      exit`;
    expect(run(text, frame(IP, 50)).retval).toBe(9);
  });
});

describe('test runs over xdp_md', () => {
  const run = (text: string, data: Uint8Array, given?: Uint8Array) =>
    rig.run(ProgType.Xdp, text, given ? { data, context: given } : { data });
  const adjust = (what: string, by: number) => `r6 = r1\nr2 = ${by}\n${call(`bpf_xdp_adjust_${what}`)}`;

  it('give packet pointers and the loopback device', () => {
    const text = `
      r2 = *(u32 *)(r1 +${XDP.data})
      r3 = *(u32 *)(r1 +${XDP.data_end})
      r0 = r3
      r0 -= r2
      r4 = *(u32 *)(r1 +${XDP.ingress_ifindex})
      r0 += r4
      exit`;
    expect(run(text, frame(IP, 50)).retval).toBe(65);
  });

  it.each([
    ['head', -216, 0, 64 + 216],
    ['head', -217, -Errno.EINVAL, 64],
    ['head', 50, 0, 14],
    ['head', 51, -Errno.EINVAL, 64],
    ['tail', -50, 0, 14],
    ['tail', -51, -Errno.EINVAL, 64],
    ['tail', 3456, 0, 3520],
    ['tail', 3457, -Errno.EINVAL, 64],
    ['meta', -4, 0, 68],
    ['meta', -6, -Errno.EACCES, 64],
    ['meta', 4, -Errno.EINVAL, 64],
  ])('adjust_%s by %i gives %i and %i bytes', (what, by, result, length) => {
    const { retval, data } = run(`${adjust(what, by)}\nexit`, frame(IP, 50));
    expect([retval | 0, data.length]).toEqual([result, length]);
  });

  it('take metadata in front of the packet', () => {
    const given = context(XDP_SIZE, { [XDP.data]: 8, [XDP.data_end]: 72 });
    const data = new Uint8Array([...[1, 2, 3, 4, 5, 6, 7, 8], ...frame(IP, 50)]);
    const text = `
      r2 = *(u32 *)(r1 +${XDP.data_meta})
      r3 = *(u32 *)(r1 +${XDP.data})
      r0 = r3
      r0 -= r2
      exit`;
    const result = run(text, data, given);
    expect(result.retval).toBe(8);
    expect(hex(result.data)).toBe(hex(data));
    expect(hex(result.context)).toBe(hex(given));
    const odd = context(XDP_SIZE, { [XDP.data]: 6, [XDP.data_end]: 64 });
    expect(run(text, data, odd).errno).toBe(Errno.EINVAL);
  });

  it('put what does not fit into a page into fragments', () => {
    const text = `r6 = r1\n${call('bpf_xdp_get_buff_len')}\nexit`;
    expect(run(text, frame(IP, 8986)).retval).toBe(9000);
    const linear = `r2 = *(u32 *)(r1 +0)\nr3 = *(u32 *)(r1 +4)\nr0 = r3\nr0 -= r2\nexit`;
    expect(run(linear, frame(IP, 8986)).retval).toBe(3520);
    const cut = run(`${adjust('tail', -6000)}\nexit`, frame(IP, 8986));
    expect(hex(cut.data)).toBe(hex(frame(IP, 2986)));
    expect(run(text, frame(IP, 80_000)).errno).toBe(Errno.ENOMEM);
  });
});

describe('test runs over other contexts', () => {
  it('syscall programs read and write bytes', () => {
    const text = 'r2 = *(u32 *)(r1 +4)\n*(u32 *)(r1 +0) = r2\nr0 = 3\nexit';
    const result = rig.run(ProgType.Syscall, text, { context: Uint8Array.from([0, 0, 0, 0, 9, 0, 0, 0]) });
    expect(result.retval).toBe(3);
    expect([...result.context]).toEqual([9, 0, 0, 0, 9, 0, 0, 0]);
    expect(rig.run(ProgType.Syscall, text, { context: new Uint8Array(7) }).errno).toBe(Errno.EINVAL);
  });

  it('raw tracepoints and kprobes read their arguments', () => {
    const bytes = new Uint8Array(16);
    bytes[8] = 77;
    const text = 'r0 = *(u64 *)(r1 +8)\nexit';
    expect(rig.run(ProgType.RawTracepoint, text, { context: bytes }).retval).toBe(77);
    expect(rig.run(ProgType.Kprobe, text, { context: bytes }).retval).toBe(77);
  });

  it('flow dissectors fill in keys, whose offsets are brought into the packet', () => {
    const text = `
      r2 = *(u64 *)(r1 +${SKB.flow_keys})
      *(u16 *)(r2 +2) = 0xffff
      *(u8 *)(r2 +9) = 17
      r0 = 0
      exit`;
    const { data } = rig.run(ProgType.FlowDissector, text, { data: frame(IP, 50) });
    const view = new DataView(data.buffer);
    expect(data.length).toBe(56);
    expect([view.getUint16(0, true), view.getUint16(2, true), data[9], view.getUint16(10)]).toEqual([
      14,
      64,
      17,
      IP,
    ]);
  });

  it('socket lookups pass unless they drop', () => {
    const given = context(72, { 8: 2, 60: 80 });
    expect(rig.run(ProgType.SkLookup, 'r0 = *(u32 *)(r1 +60)\nr0 = 1\nexit', { context: given }).retval).toBe(
      1,
    );
    expect(rig.run(ProgType.SkLookup, 'r0 = 0\nexit', { context: given }).retval).toBe(0);
    expect(rig.run(ProgType.SkLookup, 'r0 = 0\nexit', {}).errno).toBe(Errno.EINVAL);
  });
});
