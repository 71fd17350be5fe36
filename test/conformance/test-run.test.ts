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
const recorded = JSON.parse(gunzipSync(readFileSync(file)).toString()) as RecordedRun[];
const runs = recorded.filter(({ retvals }) => retvals.length > 0);

/** Programs whose result is not the program's alone, by why. The lists may only shrink. */
const DIFFERENT: { readonly [reason: string]: readonly string[] } = {
  'returns or stores an address': [
    'verifier_ref_tracking/to_leak_released_ptr_reg',
    'verifier_search_pruning/state_equality_check_way_1',
    'verifier_search_pruning/state_equality_check_way_2',
    'verifier_spill_fill/check_valid_spill_fill',
    'verifier_spill_fill/check_corrupted_spill_fill_lsb',
    'verifier_spill_fill/check_corrupted_spill_fill_msb',
    'verifier_stack_ptr/array_map_using_bpf_b',
    'verifier_unpriv/unpriv_return_pointer',
    'test_verifier/calls: callee using args1 #150',
    'test_verifier/calls: pkt_ptr spill into caller stack #196',
  ],
  'reads stack that was never written': [
    'verifier_basic_stack/uninitialized_stack2',
    'verifier_raw_stack/stack_no_skb_load_bytes',
  ],
  'jumps by an index whose upper half Linux compares, too, for programs without privileges': [
    'verifier_runtime_jit/_32bit_index_to_tail_call (unprivileged)',
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
  'is a netfilter program: its context is two structs of the kernel': [
    'verifier_netfilter_ctx/with_valid_ctx_access_test6',
  ],
  'has more than 8 frames, since each tail call from a subprogram keeps those below it': [
    'tailcall_bpf2bpf_hierarchy2/tailcall_bpf2bpf_hierarchy_2',
    'tailcall_bpf2bpf_hierarchy3/tailcall_bpf2bpf_hierarchy_3',
  ],
};
/** Of the recorded programs, those that a score is kept for, and how many of them give what the kernel gave: may only grow. */
const SCORES: readonly { group: string; of: (run: RecordedRun) => boolean; runs: number; same: number }[] = [
  { group: 'all', of: () => true, runs: 1224, same: 1200 },
  {
    group: 'whose selftest says what they return',
    of: (run) => run.annotated === true,
    runs: 802,
    same: 790,
  },
  {
    group: 'of the selftests that are objects',
    of: (run) => !STRUCT_STYLE.test(run.name),
    runs: 881,
    same: 859,
  },
];
const STRUCT_STYLE = /^test_verifier\//;

describe('programs that Linux 6.12 ran by BPF_PROG_TEST_RUN', async () => {
  const vm = await createVm();
  const kernel = new TestKernel();
  installHelpers(vm, kernel, new MapTable(vm));
  const archive = openRecorded();
  const facts = await collectFacts(new Set(recorded.map(({ name }) => name)), archive);
  const kernelBtf = openProfile('6.12').vmlinux;
  const structOps = collectStructOps(archive, kernelBtf);
  const byName = new Map(recorded.map((run) => [run.name, run]));
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

  it('return the same and leave the same in their maps and their packets', () => {
    const known = new Set(Object.values(DIFFERENT).flat());
    const unexplained = [...outcomes].filter(([name, { kind }]) => kind === 'different' && !known.has(name));
    expect(unexplained).toEqual([]);
    expect([...known].filter((name) => outcomes.get(name)?.kind !== 'different')).toEqual([]);
  });

  it.each(SCORES)('$group: $runs, of which at least $same are the same', ({ of, runs: count, same }) => {
    const group = runs.filter(of);
    expect(group.length).toBe(count);
    expect(group.filter(({ name }) => outcomes.get(name)?.kind === 'same').length).toBeGreaterThanOrEqual(
      same,
    );
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
        /^(insn \d+: call of \w+, which is not modelled|insn \d+: call depth of 9 frames|programs of this type cannot|section \.maps: map )/,
      );
    }
  });
});
