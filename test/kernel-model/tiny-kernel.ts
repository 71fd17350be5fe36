/** A kernel of a few KB that has everything a profile is made of. */
import { BtfKind } from '../../bpf/btf.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { KernelBuilder, TEXT, TypeSample } from './kernel-builder.ts';

const KFUNCS = ['bpf_task_acquire', 'bpf_task_release', 'bpf_task_release_dtor', 'bpf_rcu_read_lock'];
const POISON = 0xdead_0000_0000_eb9fn;

/** Types of Linux 6.12 that the extractor reads objects by. */
function sampleTypes(): Uint8Array {
  const sample = new TypeSample(openProfile('6.12').vmlinux, ['task_struct_stub', 'file', 'bpf_iter_meta']);
  for (const name of [
    ...['bpf_prog_type', 'bpf_attach_type', 'bpf_map_type', 'bpf_func_id', 'bpf_arg_type', 'bpf_return_type'],
    ...['bpf_reg_type', 'bpf_type_flag'],
  ]) {
    sample.add(name, BtfKind.Enum);
  }
  for (const name of [
    ...[
      'bpf_func_proto',
      'btf_kfunc_id_set',
      'bpf_iter_reg',
      'bpf_struct_ops',
      'bpf_map_ops',
      'bpf_raw_event_map',
    ],
    ...['tracepoint', 'bpf_reg_types', 'bpf_raw_tp_null_args', 'bpf_iter__task_file', 'bpf_dummy_ops'],
    ...['bpf_struct_ops_bpf_dummy_ops', 'seq_file', 'sock', 'bpf_array', 'task_struct__safe_rcu', 'tcp_sock'],
    'cgroup',
  ]) {
    sample.add(name, BtfKind.Struct);
  }
  for (const name of [...KFUNCS, 'bpf_iter_task_file', 'bpf_lsm_file_open', 'bpf_lsm_bpf', 'vfs_open']) {
    sample.add(name, BtfKind.Func);
  }
  return sample.bytes();
}

/** The types, as a BTF blob. */
export const TYPES = sampleTypes();

/**
 * A kernel with one or two objects of each kind that a profile is read from.
 * @param change adds more.
 * @param types BTF of the kernel; it must have those of `TYPES`.
 */
export function tinyKernel(
  change: (builder: KernelBuilder) => void = () => {},
  types: Uint8Array = TYPES,
): KernelBuilder {
  const builder = new KernelBuilder(types);
  const banner =
    'Linux version 6.12.117+tiny (us@here) (gcc (Debian 12.2.0-14) 12.2.0) #1 SMP Debian 6.12.117-1\n';
  builder.func('_text', '_stext');
  builder.symbol('linux_banner', 'D', builder.string(banner));
  // a name of more than 127 characters has a length of two bytes
  builder.func('f'.padEnd(300, 'long_0123456789'));
  // more than one block of 256 names
  for (let i = 0; i < 600; i++) builder.func(`filler_${i}`);
  builder.symbol('cpu_number', 'D', 0x1000n);
  addHelpers(builder);
  addRegisters(builder);
  addKfuncs(builder);
  addTargets(builder);
  addTypes(builder);
  change(builder);
  builder.symbol('_edata', 'D', builder.place([0]));
  builder.func('_etext');
  return builder;
}

function addHelpers(builder: KernelBuilder): void {
  const arg = (name: string) => builder.value('bpf_arg_type', name);
  const flag = (name: string) => builder.value('bpf_type_flag', name);
  const ids = builder.list('btf_seq_file_ids', [['struct', 'seq_file']]);
  builder.object('bpf_seq_write_proto', 'bpf_func_proto', {
    func: builder.func('bpf_seq_write', '__bpf_seq_write_alias'),
    gpl_only: 1,
    ret_type: builder.value('bpf_return_type', 'RET_INTEGER'),
    'arg_type[0]': arg('ARG_PTR_TO_BTF_ID'),
    'arg_type[1]': arg('ARG_PTR_TO_MEM') | flag('MEM_RDONLY'),
    'arg_type[2]': arg('ARG_CONST_SIZE_OR_ZERO'),
    'arg_btf_id[0]': ids,
  });
  builder.object('bpf_strtol_proto', 'bpf_func_proto', {
    func: builder.func('bpf_strtol'),
    ret_type: builder.value('bpf_return_type', 'RET_PTR_TO_MAP_VALUE') | flag('PTR_MAYBE_NULL'),
    'arg_type[0]': arg('ARG_PTR_TO_MEM') | flag('MEM_FIXED_SIZE'),
    'arg_size[0]': 8,
    might_sleep: 1,
    pkt_access: 1,
    allow_fastcall: 1,
    allowed: builder.func('bpf_strtol_allowed'),
  });
  builder.object('bpf_tail_call_proto', 'bpf_func_proto', {
    func: POISON,
    ret_type: builder.value('bpf_return_type', 'RET_VOID'),
    'arg_type[0]': arg('ARG_PTR_TO_CTX'),
  });
  builder.object('bpf_tcp_send_ack_proto', 'bpf_func_proto', {
    func: builder.func('bpf_tcp_send_ack'),
    'arg_type[0]': arg('ARG_PTR_TO_BTF_ID'),
    'arg_btf_id[0]': builder.variable('tcp_sock_id'),
    'arg_type[1]': arg('ARG_KPTR_XCHG_DEST'),
    'arg_btf_id[1]': POISON,
  });
  // not prototypes: without code, of unknown kinds, of another name
  builder.object('bpf_configured_out_proto', 'bpf_func_proto', {});
  builder.object('bpf_odd_proto', 'bpf_func_proto', { func: TEXT, ret_type: 77 });
  builder.object('packet_proto', 'bpf_func_proto', { func: TEXT });
}

function addRegisters(builder: KernelBuilder): void {
  const reg = (name: string) => builder.value('bpf_reg_type', name);
  const types = builder.object('', 'bpf_reg_types', {
    'types[0]': reg('PTR_TO_STACK'),
    'types[1]': reg('PTR_TO_BTF_ID') | builder.value('bpf_type_flag', 'PTR_TRUSTED'),
  });
  const accepts: bigint[] = Array.from(
    { length: builder.value('bpf_arg_type', 'ARG_PTR_TO_DYNPTR') + 1 },
    () => 0n,
  );
  accepts[builder.value('bpf_arg_type', 'ARG_PTR_TO_MEM')] = types;
  builder.table('compatible_reg_types', accepts);
  const structs: bigint[] = Array.from({ length: reg('CONST_PTR_TO_DYNPTR') + 1 }, () => 0n);
  structs[reg('PTR_TO_SOCKET')] = builder.list('btf_sock_ids', [['struct', 'sock']]);
  builder.table('reg2btf_ids', structs);
}

function addKfuncs(builder: KernelBuilder): void {
  const set = builder.kfuncSet('some_kfunc_ids', { bpf_task_release: 2, bpf_task_acquire: 0x85 });
  const filter = builder.func('some_filter');
  builder.object('some_kfunc_set', 'btf_kfunc_id_set', { set, filter });
  builder.kfuncSet('common_ids', { bpf_rcu_read_lock: 0 });
  builder.list('some_dtor_ids', [
    ['struct', 'cgroup'],
    ['func', 'bpf_task_release_dtor'],
  ]);
  builder.set('bpf_lsm_hooks', [
    builder.id('bpf_lsm_file_open', BtfKind.Func),
    // a function that the build could not resolve
    0,
    builder.id('bpf_lsm_bpf', BtfKind.Func),
  ]);
  builder.list('special_kfunc_list', [
    ['func', 'bpf_task_release'],
    ['func', 'bpf_rcu_read_lock'],
  ]);
}

function addTargets(builder: KernelBuilder): void {
  const context = builder.layout('bpf_iter__task_file');
  const nullable =
    builder.value('bpf_reg_type', 'PTR_TO_BTF_ID') | builder.value('bpf_type_flag', 'PTR_MAYBE_NULL');
  builder.object('task_file_reg_info', 'bpf_iter_reg', {
    target: builder.string('task_file'),
    ctx_arg_info_size: 1,
    feature: 1,
    'ctx_arg_info[0].offset': context.offset('file'),
    'ctx_arg_info[0].reg_type': nullable,
  });
  builder.object('other_reg_info', 'bpf_iter_reg', { target: builder.string('no_such_target') });
  const stub = builder.func('bpf_dummy_test_1');
  const stubs = builder.object('', 'bpf_dummy_ops', { test_1: stub, test_sleepable: stub });
  builder.object('bpf_bpf_dummy_ops', 'bpf_struct_ops', {
    name: builder.string('bpf_dummy_ops'),
    cfi_stubs: stubs,
  });
  const tracepoints = [
    ['sched_switch', '__bpf_trace_sched_switch', 0],
    ['nbd_send', '__bpf_trace_nbd_template', 28],
  ] as const;
  const entries = tracepoints.map(([name, func, writable]) => ({
    tp: builder.object('', 'tracepoint', { name: builder.string(name) }),
    bpf_func: builder.func(func),
    writable_size: writable,
  }));
  const [first] = entries.map((entry) => builder.object('', 'bpf_raw_event_map', entry));
  builder.symbol('__start__bpf_raw_tp', 'D', first as bigint);
  builder.symbol('__stop__bpf_raw_tp', 'D', builder.place([0]));
  builder.object('raw_tp_null_args', 'bpf_raw_tp_null_args', {
    func: builder.string('sched_switch'),
    mask: 0x21n,
  });
}

function addTypes(builder: KernelBuilder): void {
  const lookup = builder.func('array_map_lookup');
  const array = builder.object('array_map_ops', 'bpf_map_ops', {
    map_lookup_elem: lookup,
    map_direct_value_addr: lookup,
    map_btf_id: builder.list('array_map_btf_ids', [['struct', 'bpf_array']]),
  });
  builder.table('bpf_map_types', [0n, 0n, array]);
  builder.table('bpf_verifier_ops', [0n, array, 0n, array]);
}
