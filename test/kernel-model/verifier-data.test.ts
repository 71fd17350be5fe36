/** The 6.12 profile's verifier tables: complete, consistent, and in agreement with the running kernel. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BtfKind } from '../../bpf/btf.ts';
import { helperName } from '../../bpf/helpers.ts';
import { InputError } from '../../bpf/input-error.ts';
import { findCtxRow } from '../../kernel-model/ctx-access.ts';
import { KfuncFlag } from '../../kernel-model/kfunc-flags.ts';
import { VMLINUX } from '../../kernel-model/kfunc-table.ts';
import { MapFit } from '../../kernel-model/map-rules.ts';
import { openProfile, profileDirectory } from '../../kernel-model/profile-node.ts';
import { PacketAccess } from '../../kernel-model/prog-rules.ts';
import { Capability, type ProgramFacts } from '../../kernel-model/program-facts.ts';
import { typeNumber, typeNumbers } from '../../kernel-model/type-numbers.ts';
import { EXTRACTED_FILES, HAND_FILES, VerifierData } from '../../kernel-model/verifier-data.ts';
import { openVerifierData } from '../../kernel-model/verifier-data-node.ts';
import { Arg, Cap, Flag, Reg, Ret } from '../../verifier/types.ts';

const data = openVerifierData('6.12');
const btf = openProfile('6.12').vmlinux;
const ALL_CAPS = Capability.Bpf | Capability.Perfmon | Capability.NetAdmin | Capability.SysAdmin;

function program(type: string, more: Partial<ProgramFacts> & { attach?: string } = {}): ProgramFacts {
  const { attach, ...rest } = more;
  const progType = data.progType(type);
  return {
    progType,
    resolvedType: progType,
    attachType: attach === undefined ? 0 : data.attachType(attach),
    caps: ALL_CAPS,
    sleepable: false,
    ...rest,
  };
}

/** Name of the prototype a program gets for a helper. */
function proto(helper: string, facts: ProgramFacts): string | undefined {
  const id = data.helperId(helper);
  if (id === undefined) throw new Error(`no helper ${helper}`);
  return data.helperProto(id, facts)?.name;
}

describe('numbers of types', () => {
  it('are those of the 6.12 kernel', () => {
    const known = typeNumbers();
    for (const [name, prefix] of [
      ['bpf_arg_type', /^ARG_/],
      ['bpf_return_type', /^RET_/],
      ['bpf_reg_type', /^(?!__)/],
      ['bpf_type_flag', /^(?!__)/],
    ] as const) {
      const values = btf.type(btf.find(name, BtfKind.Enum)).values.filter((value) => prefix.test(value.name));
      expect(values.length).toBeGreaterThan(5);
      for (const { name: enumerator, value } of values) {
        // combinations of a base type and flags are spelled, not named
        const combined = name !== 'bpf_type_flag' && value > 0xffn;
        if (!combined) expect([enumerator, known.get(enumerator)]).toEqual([enumerator, Number(value)]);
      }
    }
  });

  it('are those of the verifier', () => {
    expect(typeNumber('PTR_TO_BTF_ID|PTR_TRUSTED|PTR_MAYBE_NULL')).toBe(
      Reg.BtfId | Flag.Trusted | Flag.MaybeNull,
    );
    expect(typeNumber('CONST_PTR_TO_DYNPTR')).toBe(Reg.ConstDynptr);
    expect(typeNumber('ARG_PTR_TO_DYNPTR|MEM_UNINIT|DYNPTR_TYPE_LOCAL|MEM_WRITE')).toBe(
      Arg.Dynptr | Flag.Uninit | Flag.DynptrLocal | Flag.Write,
    );
    expect(typeNumber('RET_PTR_TO_BTF_ID')).toBe(Ret.BtfId);
    expect([Cap.Bpf, Cap.Perfmon, Cap.NetAdmin, Cap.SysAdmin]).toEqual([
      Capability.Bpf,
      Capability.Perfmon,
      Capability.NetAdmin,
      Capability.SysAdmin,
    ]);
    expect(() => typeNumber('PTR_TO_NOTHING')).toThrow(InputError);
  });
});

describe('helpers', () => {
  /** What needs a kernel built with error injection or with infrared receivers. */
  const CONFIGURED_OUT = [
    'bpf_override_return_proto',
    'rc_keydown_proto',
    'rc_pointer_rel_proto',
    'rc_repeat_proto',
  ];

  it('have the numbers of the system call interface', () => {
    expect(data.helperCount).toBe(212);
    for (let id = 1; id < data.helperCount; id++) expect(data.helperName(id)).toBe(helperName(id));
    expect(data.helperName(212)).toBeUndefined();
    expect(data.helperId('bpf_map_lookup_elem')).toBe(1);
  });

  it('are each offered to some program', () => {
    const offered = new Set([...data.availability.offers()].map(([helper]) => helper));
    for (let id = 1; id < data.helperCount; id++) {
      expect(offered).toContain(data.helperName(id)?.replace(/^bpf_/, ''));
    }
    expect(offered.size).toBe(211);
  });

  it('use exactly the prototypes of the image', () => {
    const used = new Set([...data.availability.offers()].map(([, name]) => name));
    expect([...used].filter((name) => !data.protos.has(name)).sort()).toEqual(CONFIGURED_OUT);
    expect([...data.protos.keys()].filter((name) => !used.has(name))).toEqual([]);
  });

  it('have what their calls are checked by', () => {
    const lookup = data.protos.get('bpf_map_lookup_elem_proto');
    expect(lookup?.args.map(({ type }) => type)).toEqual([Arg.MapPtr, Arg.MapKey]);
    expect(lookup?.ret).toBe(Ret.MapValue | Flag.MaybeNull);
    expect(lookup?.packetAccess).toBe(true);
    expect(lookup?.gplOnly).toBe(false);
    const xchg = data.protos.get('bpf_kptr_xchg_proto');
    expect(xchg?.args[1]).toEqual({
      type: Arg.BtfId | Flag.MaybeNull | Flag.Release,
      btfId: 0,
      derived: true,
      size: 0,
    });
    expect(xchg?.retDerived).toBe(true);
    const printf = data.protos.get('bpf_seq_printf_proto');
    expect(btf.name(printf?.args[0]?.btfId ?? 0)).toBe('seq_file');
    expect(printf?.gplOnly).toBe(true);
    const strtol = data.protos.get('bpf_strtol_proto');
    expect(strtol?.args[3]?.size).toBe(8);
    expect(data.protos.get('bpf_copy_from_user_proto')?.mightSleep).toBe(true);
    expect(data.protos.get('bpf_get_smp_processor_id_proto')?.fastcall).toBe(true);
    expect(data.protos.get('bpf_d_path_proto')?.allowed).toBe('bpf_d_path_allowed');
    expect(data.protos.get('bpf_tail_call_proto')?.ret).toBe(Ret.Void);
  });

  it('depend on the program type, its attach type, capabilities and target', () => {
    expect(proto('get_smp_processor_id', program('xdp'))).toBe('bpf_get_smp_processor_id_proto');
    expect(proto('get_smp_processor_id', program('sk_lookup'))).toBe('bpf_get_raw_smp_processor_id_proto');
    expect(proto('spin_lock', program('socket_filter', { caps: 0 }))).toBeUndefined();
    expect(proto('trace_printk', program('socket_filter', { caps: Capability.Bpf }))).toBeUndefined();
    expect(proto('trace_printk', program('socket_filter', { caps: Capability.SysAdmin }))).toBe(
      'bpf_trace_printk_proto',
    );
    expect(proto('seq_printf', program('tracing', { attach: 'trace_iter' }))).toBe('bpf_seq_printf_proto');
    expect(proto('seq_printf', program('tracing', { attach: 'trace_fentry' }))).toBeUndefined();
    expect(proto('get_func_arg', program('tracing', { attach: 'trace_fexit' }))).toBe(
      'bpf_get_func_arg_proto',
    );
    expect(proto('get_func_arg', program('tracing', { attach: 'trace_raw_tp' }))).toBeUndefined();
    const tcp = program('tracing', { attach: 'trace_iter', attachTarget: 'bpf_iter_tcp' });
    expect(proto('setsockopt', tcp)).toBe('bpf_sk_setsockopt_proto');
    expect(proto('setsockopt', { ...tcp, attachTarget: 'bpf_iter_udp' })).toBeUndefined();
    expect(proto('task_storage_get', program('kprobe'))).toBe('bpf_task_storage_get_recur_proto');
    expect(proto('task_storage_get', tcp)).toBe('bpf_task_storage_get_proto');
    expect(proto('get_task_stack', program('lsm', { sleepable: true }))).toBe(
      'bpf_get_task_stack_sleepable_proto',
    );
    expect(proto('bind', program('cgroup_sock_addr', { attach: 'cgroup_inet4_connect' }))).toBe(
      'bpf_bind_proto',
    );
    expect(proto('bind', program('cgroup_sock_addr', { attach: 'cgroup_inet4_bind' }))).toBeUndefined();
    expect(proto('skb_pull_data', program('lwt_seg6local'))).toBeUndefined();
    expect(proto('skb_pull_data', program('lwt_in'))).toBe('bpf_skb_pull_data_proto');
    const sockopt = { attach: 'lsm_cgroup', attachTarget: 'bpf_lsm_sock_graft' };
    expect(proto('setsockopt', program('lsm', sockopt))).toBe('bpf_sk_setsockopt_proto');
    expect(
      proto('setsockopt', program('lsm', { ...sockopt, attachTarget: 'bpf_lsm_socket_post_create' })),
    ).toBe('bpf_unlocked_sk_setsockopt_proto');
    expect(
      proto('setsockopt', program('lsm', { ...sockopt, attachTarget: 'bpf_lsm_file_open' })),
    ).toBeUndefined();
    const release = program('struct_ops', { structOps: { struct: 'tcp_congestion_ops', member: 'release' } });
    expect(proto('setsockopt', release)).toBeUndefined();
    expect(proto('tcp_send_ack', release)).toBe('bpf_tcp_send_ack_proto');
    expect(
      proto(
        'map_lookup_elem',
        program('struct_ops', { structOps: { struct: 'bpf_dummy_ops', member: 'test_1' } }),
      ),
    ).toBeUndefined();
    // replaces part of an xdp program: gets what that may use
    expect(proto('xdp_adjust_head', program('ext', { resolvedType: data.progType('xdp') }))).toBe(
      'bpf_xdp_adjust_head_proto',
    );
  });
});

describe('tables', () => {
  it('name nothing that the kernel does not have', () => expect(data.unknownNames()).toEqual([]));

  it('know every program type that can be loaded', () => {
    const withoutContext = [data.progType('ext')];
    for (const type of data.loadable) {
      const facts = { ...program('xdp'), progType: type, resolvedType: type };
      expect(data.ctxRules(facts) !== undefined).toBe(!withoutContext.includes(type));
    }
    expect(data.loadable.size).toBe(31);
    // no infrared receiver in this build
    expect(data.loadable).not.toContain(data.progType('lirc_mode2'));
  });

  it('know the helpers that map rules name', () => {
    for (const helper of data.maps.helpers()) expect(data.helperId(helper)).toBeDefined();
  });

  it('name functions and structs that the kernel has types for', () => {
    for (const { module, kfunc } of data.kfuncs.all()) {
      if (module === VMLINUX) expect([kfunc, btf.find(kfunc, BtfKind.Func) > 0]).toEqual([kfunc, true]);
    }
    for (const [, structs] of data.trustedFields) {
      for (const [struct, members] of structs) {
        const layout = openProfile('6.12').layout(struct);
        expect([struct, members.filter((member) => !layout.has(member))]).toEqual([struct, []]);
      }
    }
    for (const { template } of data.tracepoints.values()) {
      if (!template.startsWith('__bpf_trace_bpf_testmod'))
        expect(btf.find(template, BtfKind.Func)).toBeGreaterThan(0);
    }
    for (const target of data.iters.keys())
      expect(btf.find(`bpf_iter_${target}`, BtfKind.Func)).toBeGreaterThan(0);
  });

  it('hold the sets of the verifier', () => {
    expect(data.sets.get('bpf_lsm_hooks')?.size).toBe(269);
    expect(data.sets.get('sleepable_lsm_hooks')).toContain('bpf_lsm_file_open');
    expect(data.sets.get('bool_lsm_hooks')).toContain('bpf_lsm_inode_xattr_skipcap');
    expect(data.sets.get('btf_id_deny')).toContain('migrate_disable');
    expect(data.sets.get('btf_allowlist_d_path')).toContain('vfs_getattr');
    expect(data.sets.get('rcu_protected_types')).toContain('bpf_cpumask');
    expect(data.sets.get('error_injection')?.size).toBe(0);
    expect(data.lists.get('btf_tracing_ids')).toEqual(['task_struct', 'file', 'vm_area_struct']);
    expect(data.trustedFields.get('safe_trusted')?.get('file')).toEqual(['f_inode']);
    expect(data.trustedFields.get('safe_rcu')?.get('task_struct')).toContain('real_parent');
    expect(data.tracepoints.get('bpf_test_finish')?.writable).toBe(4);
    expect(data.tracepoints.get('sched_pi_setprio')?.nullArgs).toBe(0x10n);
    expect(data.tracepoints.get('block_bio_queue')?.template).toBe('__bpf_trace_block_bio');
  });

  it('hold iterators and struct_ops', () => {
    const maps = data.iters.get('bpf_map_elem');
    expect(maps?.args).toEqual([
      { offset: 16, reg: Reg.Buf | Flag.MaybeNull | Flag.Rdonly, btfId: 0 },
      { offset: 24, reg: Reg.Buf | Flag.MaybeNull, btfId: 0 },
    ]);
    const [task] = data.iters.get('task')?.args ?? [];
    expect(task?.reg).toBe(Reg.BtfId | Flag.MaybeNull | Flag.Trusted);
    expect(btf.name(task?.btfId ?? 0)).toBe('task_struct');
    const tcp = data.structOps.get('tcp_congestion_ops');
    expect(tcp?.members).toContain('ssthresh');
    expect(tcp?.members).not.toContain('get_info');
    expect(tcp?.promote.get('sock')).toBe('tcp_sock');
    const sockId = btf.find('tcp_sock', BtfKind.Struct);
    const writes = data.structOps.structWrites('tcp_congestion_ops', btf);
    const window = openProfile('6.12').layout('tcp_sock').offset('snd_cwnd');
    expect(writes).toContainEqual({ structId: sockId, start: window, last: window, end: window + 4 });
    expect(writes).toHaveLength(10);
    expect(data.structOps.get('bpf_dummy_ops')?.sleepable).toEqual(['test_sleepable']);
  });

  it('hold kfuncs with their flags', () => {
    const xdp = program('xdp');
    expect(data.kfuncs.flagsFor(VMLINUX, 'bpf_task_acquire', xdp)).toBe(
      KfuncFlag.Acquire | KfuncFlag.RetNull | KfuncFlag.Rcu,
    );
    expect(data.kfuncs.flagsFor(VMLINUX, 'bpf_task_acquire', program('socket_filter'))).toBeUndefined();
    expect(data.kfuncs.flagsFor(VMLINUX, 'bpf_rcu_read_lock', program('socket_filter'))).toBe(0);
    expect(data.kfuncs.flagsFor(VMLINUX, 'bpf_put_file', program('lsm'))).toBe(KfuncFlag.Release);
    expect(data.kfuncs.flagsFor(VMLINUX, 'bpf_put_file', program('tracing'))).toBeUndefined();
    expect(data.kfuncs.flagsFor('nf_conntrack', 'bpf_skb_ct_lookup', program('sched_cls'))).toBe(
      KfuncFlag.Acquire | KfuncFlag.RetNull,
    );
    expect(data.kfuncs.modifyReturnFlags(VMLINUX, 'bpf_fentry_test1')).toBe(KfuncFlag.Sleepable);
    expect(data.kfuncs.modifyReturnFlags(VMLINUX, 'vfs_open')).toBeUndefined();
    expect(data.kfuncs.destructor(VMLINUX, 'task_struct')).toBe('bpf_task_release_dtor');
    expect(data.kfuncs.destructor('bpf_testmod', 'bpf_testmod_ctx')).toBe('bpf_testmod_ctx_release');
  });
});

describe('rules of program types', () => {
  const { programs } = data;
  const type = (name: string) => data.progType(name);

  it('say who may load, sleep and reach packets', () => {
    expect(programs.requiredCaps(type('socket_filter'))).toBe(0);
    expect(programs.requiredCaps(type('xdp'))).toBe(Capability.Bpf | Capability.NetAdmin);
    expect(programs.requiredCaps(type('ext'))).toBe(
      Capability.Bpf | Capability.NetAdmin | Capability.Perfmon,
    );
    expect(programs.packetAccess(type('xdp'))).toBe(PacketAccess.ReadWrite);
    expect(programs.packetAccess(type('cgroup_skb'))).toBe(PacketAccess.Read);
    expect(programs.packetAccess(type('kprobe'))).toBe(PacketAccess.None);
    expect(programs.mayLoadAbs(type('sched_cls'))).toBe(true);
    expect(programs.mayLoadAbs(type('xdp'))).toBe(false);
    expect(programs.canSleep(program('tracing', { attach: 'trace_iter' }))).toBe(true);
    expect(programs.canSleep(program('tracing', { attach: 'trace_raw_tp' }))).toBe(false);
    expect(programs.canSleep(program('lsm', { attach: 'lsm_cgroup' }))).toBe(false);
    expect(programs.mustSleep(type('syscall'))).toBe(true);
  });

  it('say what an attach type may be', () => {
    expect(programs.effectiveAttachType(type('cgroup_sock'), 0)).toBe(
      data.attachType('cgroup_inet_sock_create'),
    );
    expect(programs.mayAttach(type('cgroup_sock'), data.attachType('cgroup_inet4_bind'))).toBe(false);
    expect(programs.mayAttach(type('cgroup_sock_addr'), data.attachType('cgroup_inet4_bind'))).toBe(true);
    expect(programs.mayAttach(type('syscall'), 1)).toBe(false);
    expect(programs.mayAttach(type('xdp'), 1)).toBe(true);
    expect(programs.takesAttachBtf(type('struct_ops'))).toBe(true);
    expect(programs.takesAttachProg(type('lsm'))).toBe(false);
  });

  it('say what may be returned', () => {
    const range = (min: number, max: number, bits: 32 | 64 = 64) => ({ kind: 'range', min, max, bits });
    const lsm = (attachTarget: string, voidTarget = false) =>
      programs.returnRule(program('lsm', { attach: 'lsm_mac', attachTarget, voidTarget }));
    expect(programs.returnRule(program('tracing', { attach: 'trace_iter' }))).toEqual(range(0, 1));
    expect(programs.returnRule(program('cgroup_skb', { attach: 'cgroup_inet_egress' }))).toEqual(range(0, 3));
    expect(programs.returnRule(program('cgroup_skb'))).toEqual(range(0, 1));
    expect(lsm('bpf_lsm_file_open')).toEqual(range(-4095, 0, 32));
    expect(lsm('bpf_lsm_audit_rule_known')).toEqual(range(0, 1, 32));
    expect(lsm('bpf_lsm_task_free', true)).toEqual({ kind: 'none' });
    expect(programs.returnRule(program('xdp'))).toEqual({ kind: 'any' });
    expect(programs.returnRule(program('tracing'))).toEqual({ kind: 'refused' });
  });
});

interface Recorded {
  programs: {
    type: number;
    attach: number;
    caps: number;
    sleepable?: true;
    target?: string;
    member?: string;
  }[];
  helpers: { program: number; ok?: string[]; refused?: string[] }[];
  kfuncs: { program: number; ok?: string[]; refused?: string[] }[];
  maps: { program: number; fits?: string[]; mismatch?: string[]; sockmapContext?: string[] }[];
  ctx: ({ program: number; ok?: string[]; refused?: string[] } & { [reg: string]: string[] })[];
}

describe('what the running kernel answered', () => {
  const file = new URL('golden/verifier-6.12.json', import.meta.url);
  const recorded = JSON.parse(readFileSync(file, 'utf8')) as Recorded;
  const STRUCT_OPS = data.progType('struct_ops');

  function facts(index: number): ProgramFacts {
    const { type, attach, caps, sleepable, target, member } = recorded.programs[
      index
    ] as Recorded['programs'][0];
    return {
      progType: type,
      resolvedType: type,
      attachType: attach,
      caps,
      sleepable: sleepable === true,
      ...(target === undefined ? {} : { attachTarget: target }),
      ...(type === STRUCT_OPS ? { structOps: { struct: target ?? '', member: member ?? '' } } : {}),
    };
  }

  it('about helpers', () => {
    let count = 0;
    for (const { program: index, ok = [], refused = [] } of recorded.helpers) {
      const able = (helper: string) => proto(helper, facts(index)) !== undefined;
      expect([index, ok.filter((helper) => !able(helper))]).toEqual([index, []]);
      expect([index, refused.filter(able)]).toEqual([index, []]);
      count += ok.length + refused.length;
    }
    expect(count).toBeGreaterThan(800);
  });

  it('about kfuncs', () => {
    const modules = [...new Set([...data.kfuncs.all()].map(({ module }) => module))];
    for (const { program: index, ok = [], refused = [] } of recorded.kfuncs) {
      const able = (kfunc: string) =>
        modules.some((module) => data.kfuncs.flagsFor(module, kfunc, facts(index)) !== undefined);
      expect([index, ok.filter((kfunc) => !able(kfunc))]).toEqual([index, []]);
      expect([index, refused.filter(able)]).toEqual([index, []]);
    }
    expect(recorded.kfuncs.length).toBeGreaterThan(50);
  });

  it('about maps', () => {
    const kinds = [
      ['fits', MapFit.Fits],
      ['mismatch', MapFit.Mismatch],
      ['sockmapContext', MapFit.SockmapContext],
    ] as const;
    for (const row of recorded.maps) {
      for (const [kind, fit] of kinds) {
        for (const pair of row[kind] ?? []) {
          const [map, helper] = pair.split(' ') as [string, string];
          expect([row.program, pair, data.maps.fit(Number(map), helper, facts(row.program))]).toEqual([
            row.program,
            pair,
            fit,
          ]);
        }
      }
    }
  });

  it('about contexts', () => {
    let count = 0;
    for (const { program: index, ...answers } of recorded.ctx) {
      const rules = data.ctxRules(facts(index));
      for (const [answer, accesses] of Object.entries(answers)) {
        for (const access of accesses) {
          const [, way, sign, size, off] = /^([rw])(s?)(\d)@(-?\d+)$/.exec(access) as string[];
          const row = rules && findCtxRow(rules, Number(off), Number(size), way === 'w', sign === 's');
          const got = row === undefined ? 'refused' : answer === 'ok' ? 'ok' : row.reg;
          const want = answer === 'refused' || answer === 'ok' ? answer : typeNumber(answer);
          expect([index, rules?.kind, access, got]).toEqual([index, rules?.kind, access, want]);
          count++;
        }
      }
    }
    expect(count).toBeGreaterThan(700);
  });
});

describe('malformed tables', () => {
  const files = [...EXTRACTED_FILES, ...HAND_FILES];
  const texts = new Map(
    files.map((file) => [file, readFileSync(`${profileDirectory('6.12')}/${file}`, 'utf8')]),
  );
  const parse = (changed: string, text: string | undefined) =>
    VerifierData.parse('test', btf, (file) => (file === changed ? text : texts.get(file)));

  it.each(files)('%s: missing, cut off, or of another shape', (file) => {
    expect(() => parse(file, undefined)).toThrow(new RegExp(`test/${file}: the profile lacks this file`));
    expect(() => parse(file, texts.get(file)?.slice(0, -10))).toThrow(/not JSON/);
    expect(() => parse(file, '[]')).toThrow(InputError);
    expect(() => parse(file, '{"a": 1}')).toThrow(InputError);
  });

  it('say where the fault is', () => {
    const change = (file: (typeof files)[number], from: string, to: string) => () =>
      parse(file, texts.get(file)?.replace(from, to));
    expect(change('helpers.json', '"RET_INTEGER"', '"RET_NONSENSE"')).toThrow(
      /helpers.json: protos\.\w+\.ret: unknown register or argument type "RET_NONSENSE"/,
    );
    expect(change('availability.json', '"xdp": "xdp"', '"xdp": "xdb"')).toThrow(/there is no table "xdb"/);
    expect(change('availability.json', '"then": ["base"]', '"then": ["bpf_tracing"]')).toThrow(
      /goes on with itself/,
    );
    expect(change('ctx.json', '"1,2,4/4"', '"1,3/4"')).toThrow(/bad access rule "1,3\/4"/);
    expect(change('ctx.json', '"unless"', '"unles"')).toThrow(/unknown property "unles"/);
    expect(change('hooks.json', '"attach"', '"atach"')).toThrow(/unknown condition "atach"/);
    expect(change('kfuncs.json', '"RET_NULL"', '"RET_NIL"')).toThrow(/unknown kfunc flag "RET_NIL"/);
    expect(change('prog-rules.json', '[1, 1]', '[1]')).toThrow(/returns\.0\.range: not a range/);
  });

  it('are noticed when they name what the kernel does not have', () => {
    const changed = parse('ctx.json', texts.get('ctx.json')?.replace('"@egress_ifindex"', '"@egress_index"'));
    expect(changed.unknownNames()).toEqual(['xdp_md.egress_index']);
    const hooks = parse('hooks.json', texts.get('hooks.json')?.replace('"generic_btf_ids"', '"generic_ids"'));
    expect(hooks.unknownNames()).toEqual(['generic_btf_ids']);
    expect(hooks.kfuncs.flagsFor(VMLINUX, 'bpf_task_acquire', program('xdp'))).toBeUndefined();
  });
});
