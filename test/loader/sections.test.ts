/** What section names say, and what programs attach to. */
import { describe, expect, it } from 'vitest';
import { BtfKind } from '../../bpf/btf.ts';
import { findSectionDef } from '../../loader/sections.ts';
import { btfOf, kernelBtf, load, program } from './support.ts';

const object = load('sections');

describe('programs', () => {
  it.each([
    ['frags', 6, 35, 32],
    ['sleeps', 26, 24, 16],
    ['connect', 18, 10, 0],
    ['call', 31, 0, 16],
    ['probe', 2, 0, 0],
  ])('%s', (name, type, expectedAttachType, flags) => {
    expect(program(object, name)).toMatchObject({ type, expectedAttachType, flags, autoload: true });
  });

  it.each([
    ['sleeps', 'do_work', BtfKind.Func],
    ['entry', 'do_work', BtfKind.Func],
    ['hook', 'bpf_lsm_file_open', BtfKind.Func],
    ['trace', 'btf_trace_sched_switch', BtfKind.Typedef],
    ['iterator', 'bpf_iter_task', BtfKind.Func],
  ])('%s attaches to %s', (name, target, kind) => {
    const { attachTarget, error } = program(object, name);
    expect(error).toBeUndefined();
    expect(attachTarget?.btfId).toBe(kernelBtf.find(target, kind));
    expect(attachTarget?.btfId).toBeGreaterThan(0);
  });

  it('the question mark leaves a program alone unless it is asked for', () => {
    expect(program(object, 'optional')).toMatchObject({ autoload: false, prepared: false, section: 'tc' });
    const asked = program(load('sections', { programs: ['optional'] }), 'optional');
    expect(asked).toMatchObject({ prepared: true, type: 3 });
    expect(asked.insns.length).toBeGreaterThan(0);
  });

  it.each([
    ['nowhere', "failed to find kernel BTF type ID of 'no_such_function'"],
    ['of_module', "failed to find kernel BTF type ID of 'testmod:do_more'"],
    ['bare', 'no BTF-based attach target is specified'],
    ['replaces', 'attach program FD is not set'],
    ['unknown', "missing BPF prog type, check ELF section name 'no_such_section'"],
    ['prefix_only', 'missing BPF prog type'],
  ])('%s cannot be loaded, the others can', (name, reason) => {
    expect(program(object, name).error).toContain(reason);
  });

  it('without a kernel only programs that need one are refused', () => {
    const alone = load('sections', { kernelBtf: undefined as never });
    expect(program(alone, 'iterator').error).toContain('needs the BTF of a kernel');
    expect(program(alone, 'probe').error).toBeUndefined();
  });

  it('a USDT program goes by what the kernel can do', () => {
    // objects/kernel.c knows no uprobe_multi links; without a kernel a recent one is assumed
    expect(program(object, 'usdt').expectedAttachType).toBe(0);
    const alone = load('sections', { kernelBtf: undefined as never });
    expect(program(alone, 'usdt').expectedAttachType).toBe(48);
  });

  it('a target of a module is named with it', () => {
    const modules = [{ name: 'testmod', btf: btfOf('kernel') }];
    const found = load('sections', { kernelBtf: btfOf('iter'), modules });
    expect(program(found, 'sleeps').attachTarget).toMatchObject({ name: 'do_work', module: 'testmod' });
    expect(program(found, 'entry').error).toContain('failed to find');
  });
});

describe('findSectionDef', () => {
  it.each([
    ['kprobe', 2, 0],
    ['kprobe/x', 2, 0],
    ['kprobe.multi/x', 2, 42],
    ['kprobe.session/x', 2, 56],
    ['uretprobe.multi.s/x', 2, 48],
    ['tc/ingress', 3, 46],
    ['tcx/egress', 3, 47],
    ['netkit/peer', 3, 55],
    ['xdp', 6, 37],
    ['raw_tp.w/x', 24, 0],
    ['fmod_ret.s/x', 26, 26],
    ['lsm_cgroup/x', 29, 43],
    ['iter.s/x', 26, 28],
    ['sk_reuseport/migrate', 21, 40],
    ['cgroup_skb/egress', 8, 1],
    ['cgroup/getsockname_unix', 18, 53],
    ['struct_ops.s/x', 27, 0],
    ['netfilter', 32, 45],
  ])('%s', (name, type, attachType) => {
    expect(findSectionDef(name)).toMatchObject({ type, attachType });
  });

  it.each(['', 'kprobes', 'xdp/x', 'tc/x', 'iterator/x', 'socket1', 'cgroup/'])(
    '"%s" says nothing',
    (name) => {
      expect(findSectionDef(name)).toBeUndefined();
    },
  );
});
