/** The 6.1 profile's verifier tables: complete, consistent, and without what came later. */
import { describe, expect, it } from 'vitest';
import { BtfKind } from '../../bpf/btf.ts';
import { helperName } from '../../bpf/helpers.ts';
import { VMLINUX } from '../../kernel-model/kfunc-table.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { Capability, type ProgramFacts } from '../../kernel-model/program-facts.ts';
import { openVerifierData } from '../../kernel-model/verifier-data-node.ts';

const data = openVerifierData('6.1');
const newer = openVerifierData('6.12');
const { vmlinux } = openProfile('6.1');
const ALL_CAPS = Capability.Bpf | Capability.Perfmon | Capability.NetAdmin | Capability.SysAdmin;

function program(type: string, attach?: string): ProgramFacts {
  const progType = data.progType(type);
  const attachType = attach === undefined ? 0 : data.attachType(attach);
  return { progType, resolvedType: progType, attachType, caps: ALL_CAPS, sleepable: false };
}

describe('helpers', () => {
  /** What needs a kernel built with error injection or with infrared receivers. */
  const CONFIGURED_OUT = [
    'bpf_override_return_proto',
    'rc_keydown_proto',
    'rc_pointer_rel_proto',
    'rc_repeat_proto',
  ];

  it('have the numbers of the system call interface, and the last two are missing', () => {
    expect(data.helperCount).toBe(newer.helperCount - 2);
    for (let id = 1; id < data.helperCount; id++) expect(data.helperName(id)).toBe(helperName(id));
    expect(data.helperId('bpf_cgrp_storage_get')).toBeUndefined();
  });

  it('are each offered to some program, by exactly the prototypes of the image', () => {
    const offers = [...data.availability.offers()];
    expect(new Set(offers.map(([helper]) => helper)).size).toBe(data.helperCount - 1);
    const used = new Set(offers.map(([, name]) => name));
    expect([...used].filter((name) => !data.protos.has(name)).sort()).toEqual(CONFIGURED_OUT);
    expect([...data.protos.keys()].filter((name) => !used.has(name))).toEqual([]);
  });
});

describe('tables', () => {
  it('name nothing that the kernel does not have', () => expect(data.unknownNames()).toEqual([]));

  it('know every program type that can be loaded', () => {
    expect([...newer.loadable].filter((type) => !data.loadable.has(type))).toEqual([
      newer.progType('netfilter'),
    ]);
    const ext = data.progType('ext');
    for (const type of data.loadable) {
      const facts = { ...program('xdp'), progType: type, resolvedType: type };
      expect([type, data.ctxRules(facts) !== undefined]).toEqual([type, type !== ext]);
    }
  });

  it('know the helpers that map rules name', () => {
    for (const helper of data.maps.helpers()) expect(data.helperId(helper)).toBeDefined();
  });

  it('name functions and structs that the kernel has types for', () => {
    for (const { module, kfunc } of data.kfuncs.all()) {
      if (module === VMLINUX) expect([kfunc, vmlinux.find(kfunc, BtfKind.Func) > 0]).toEqual([kfunc, true]);
    }
    for (const target of data.iters.keys()) {
      expect([target, vmlinux.find(`bpf_iter_${target}`, BtfKind.Func) > 0]).toEqual([target, true]);
    }
    for (const [, structs] of data.trustedFields) expect(structs.size).toBe(0);
  });

  it('have kfuncs of 6.1 only', () => {
    const names = new Set([...data.kfuncs.all()].map(({ kfunc }) => kfunc));
    expect(names).toContain('bpf_lookup_user_key');
    for (const later of ['bpf_iter_num_new', 'bpf_rcu_read_lock', 'bpf_obj_new_impl', 'bpf_throw']) {
      expect(names).not.toContain(later);
    }
  });
});

describe('rules of program types', () => {
  it('know the flags of programs up to BPF_F_XDP_HAS_FRAGS', () => {
    expect([1 << 5, 1 << 6, 1 << 7].map((flags) => data.programs.knowsFlags(flags))).toEqual([
      true,
      false,
      false,
    ]);
    expect(newer.programs.knowsFlags(1 << 7)).toBe(true);
  });

  it('do not know attach types that came later', () => {
    const type = data.progType('cgroup_sock_addr');
    const attach = newer.attachType('cgroup_unix_connect');
    expect([data, newer].map(({ programs }) => programs.mayAttach(type, attach))).toEqual([false, true]);
  });
});
