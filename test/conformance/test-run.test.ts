import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { installHelpers } from '../../vm/helpers/index.ts';
import { MapTable } from '../../vm/maps.ts';
import { createVm } from '../../vm/node.ts';
import type { Tier } from '../../vm/program.ts';
import { TestKernel } from '../vm/helper-rig.ts';
import { type Outcome, type RecordedRun, replay } from './test-run.ts';
import { collectFacts, openRecorded } from './test-run-facts.ts';
import { collectStructOps } from './testmod-ops.ts';

const file = new URL('golden/test-run-6.12.json.gz', import.meta.url);
const runs = JSON.parse(gunzipSync(readFileSync(file)).toString()) as RecordedRun[];

/** Programs whose result is not the program's alone, by why. The lists may only shrink. */
const DIFFERENT: { readonly [reason: string]: readonly string[] } = {
  'the recorder filled a prog array': [
    'tailcall_bpf2bpf_hierarchy2/tailcall_bpf2bpf_hierarchy_2',
    'tailcall_bpf2bpf_hierarchy3/tailcall_bpf2bpf_hierarchy_3',
  ],
  'returns or stores an address': [
    'verifier_ref_tracking/to_leak_released_ptr_reg',
    'verifier_search_pruning/state_equality_check_way_1',
    'verifier_search_pruning/state_equality_check_way_2',
    'verifier_spill_fill/check_valid_spill_fill',
    'verifier_spill_fill/check_corrupted_spill_fill_lsb',
    'verifier_spill_fill/check_corrupted_spill_fill_msb',
    'verifier_stack_ptr/array_map_using_bpf_b',
    'verifier_unpriv/unpriv_return_pointer',
    'test_verifier/calls: callee using args1',
    'test_verifier/calls: pkt_ptr spill into caller stack',
  ],
  'reads stack that was never written': [
    'verifier_basic_stack/uninitialized_stack2',
    'verifier_raw_stack/stack_no_skb_load_bytes',
  ],
  'depends on a random number or the time': [
    'verifier_bounds/non_const_xor_src_dst',
    'verifier_bounds/non_const_or_src_dst',
    'verifier_bounds/non_const_mul_regs',
    'verifier_bounds/signed_unsigned_intersection32_case1',
    'verifier_bounds/signed_unsigned_intersection32_case2',
    'verifier_reg_equal/subreg_equality_1',
    'verifier_spill_fill/old_stack_misc_vs_cur_scalar',
    'verifier_spill_fill/old_stack_misc_vs_cur_ctx_ptr',
  ],
};
/** Programs that need what is not modelled, and end with a fault or an error that says so. May only shrink. */
const NOT_MODELLED: { readonly [reason: string]: readonly string[] } = {
  'allocates objects and puts them into lists and trees': [
    'refcounted_kptr/insert_and_remove_tree_true_list_true',
    'refcounted_kptr/insert_and_remove_tree_false_list_false',
    'refcounted_kptr/insert_and_remove_tree_true_list_false',
    'refcounted_kptr/insert_and_remove_tree_false_list_true',
    'refcounted_kptr/insert_and_remove_lf_tree_true_list_true',
    'refcounted_kptr/insert_and_remove_lf_tree_false_list_false',
    'refcounted_kptr/insert_and_remove_lf_tree_true_list_false',
    'refcounted_kptr/insert_and_remove_lf_tree_false_list_true',
    'refcounted_kptr/insert_double___read_from_tree_and_del_root',
    'refcounted_kptr/insert_double___read_from_list_and_del_head',
    'refcounted_kptr/insert_rbtree_and_stash__del_tree_true',
    'refcounted_kptr/insert_rbtree_and_stash__del_tree_false',
  ],
  'is a netfilter program: its context is two structs of the kernel': [
    'verifier_netfilter_ctx/with_valid_ctx_access_test6',
  ],
};
/** Programs that run here and give what the kernel gave; may only grow. */
const SAME = 805;

describe('programs that Linux 6.12 ran by BPF_PROG_TEST_RUN', async () => {
  const vm = await createVm();
  const kernel = new TestKernel();
  installHelpers(vm, kernel, new MapTable(vm));
  const archive = openRecorded();
  const facts = await collectFacts(new Set(runs.map(({ name }) => name)), archive);
  const kernelBtf = openProfile('6.12').vmlinux;
  const structOps = collectStructOps(archive, kernelBtf);
  const byName = new Map(runs.map((run) => [run.name, run]));
  const outcomesIn = (tier: Tier) =>
    new Map<string, Outcome>(
      runs.map((run) => [
        run.name,
        replay(vm, run, kernel, { tier, facts, runs: byName, structOps, kernelBtf }),
      ]),
    );
  const outcomes = outcomesIn('interpreter');
  const namesOf = (kind: Outcome['kind']) =>
    [...outcomes].filter(([, outcome]) => outcome.kind === kind).map(([name]) => name);

  it('number 840', () => expect(outcomes.size).toBe(840));

  it('return the same and leave the same in their maps and their packets', () => {
    const known = new Set(Object.values(DIFFERENT).flat());
    const unexplained = [...outcomes].filter(([name, { kind }]) => kind === 'different' && !known.has(name));
    expect(unexplained).toEqual([]);
    expect([...known].filter((name) => outcomes.get(name)?.kind !== 'different')).toEqual([]);
  });

  it(`are at least ${SAME}`, () => {
    expect(namesOf('same').length).toBeGreaterThanOrEqual(SAME);
  });

  it('end as they do in the interpreter when they are translated', () => {
    const different = new Set(Object.values(DIFFERENT).flat());
    for (const [name, outcome] of outcomesIn('translated')) {
      if (!different.has(name)) expect([name, outcome]).toEqual([name, outcomes.get(name)]);
    }
  });

  it('else need what is not modelled, and say so', () => {
    expect(namesOf('unavailable').sort()).toEqual(Object.values(NOT_MODELLED).flat().sort());
    for (const name of namesOf('unavailable')) {
      const outcome = outcomes.get(name);
      expect(outcome?.kind === 'unavailable' && outcome.what).toMatch(
        /^(insn \d+: call of \w+, which is not modelled|programs of this type cannot|section \.maps: map )/,
      );
    }
  });
});
