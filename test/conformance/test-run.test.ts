import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { installHelpers } from '../../vm/helpers/index.ts';
import { MapTable } from '../../vm/maps.ts';
import { createVm } from '../../vm/node.ts';
import { TestKernel } from '../vm/helper-rig.ts';
import { type Outcome, type RecordedRun, replay } from './test-run.ts';
import { collectFacts } from './test-run-facts.ts';

const file = new URL('golden/test-run-6.12.json.gz', import.meta.url);
const runs = JSON.parse(gunzipSync(readFileSync(file)).toString()) as RecordedRun[];

/** Programs whose result is not the program's alone, by why. The lists may only shrink. */
const DIFFERENT: { readonly [reason: string]: readonly string[] } = {
  'the recorder filled a prog array': [
    'tailcall_bpf2bpf_hierarchy2/tailcall_bpf2bpf_hierarchy_2',
    'tailcall_bpf2bpf_hierarchy3/tailcall_bpf2bpf_hierarchy_3',
    'verifier_runtime_jit/call_within_bounds_prog_once',
    'verifier_runtime_jit/call_within_bounds_prog_loop',
    'verifier_runtime_jit/call_within_bounds_key_2',
    'verifier_runtime_jit/_2_key_2_first_branch',
    'verifier_runtime_jit/_2_key_2_second_branch',
    'verifier_runtime_jit/_0_key_2_first_branch',
    'verifier_runtime_jit/_0_key_2_second_branch',
    'verifier_runtime_jit/bounds_different_maps_second_branch',
    'verifier_runtime_jit/_32bit_index_to_tail_call',
    'verifier_map_ptr_mixing/pointers_for_lookup_tail_tail_1',
    'verifier_map_ptr_mixing/pointers_for_lookup_tail_tail_2',
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
/** Programs that run here and give what the kernel gave; may only grow. */
const SAME = 770;

describe('programs that Linux 6.12 ran by BPF_PROG_TEST_RUN', async () => {
  const vm = await createVm();
  const kernel = new TestKernel();
  installHelpers(vm, kernel, new MapTable(vm));
  const facts = await collectFacts(new Set(runs.map(({ name }) => name)));
  const outcomes = new Map<string, Outcome>(
    runs.map((run) => [run.name, replay(vm, run, kernel, facts.get(run.name))]),
  );
  const namesOf = (kind: Outcome['kind']) =>
    [...outcomes].filter(([, outcome]) => outcome.kind === kind).map(([name]) => name);

  it('return the same and leave the same in their maps and their packets', () => {
    const known = new Set(Object.values(DIFFERENT).flat());
    const unexplained = [...outcomes].filter(([name, { kind }]) => kind === 'different' && !known.has(name));
    expect(unexplained).toEqual([]);
    expect([...known].filter((name) => outcomes.get(name)?.kind !== 'different')).toEqual([]);
  });

  it(`are at least ${SAME}`, () => {
    expect(namesOf('same').length).toBeGreaterThanOrEqual(SAME);
  });

  it('else need what is not modelled, and say so', () => {
    for (const name of namesOf('unavailable')) {
      const outcome = outcomes.get(name);
      expect(outcome?.kind === 'unavailable' && outcome.what).toMatch(
        /^(insn \d+: (read|write) of \d+ bytes|insn \d+: call of \w+, which is not modelled|programs of this type cannot|section \.maps: map )/,
      );
    }
  });
});
