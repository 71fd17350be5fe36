/** What a selftest's annotations (declaration tags of its functions) say about how it is to be loaded. */
import { type Btf, BtfKind } from '../../../bpf/btf.ts';

export interface SelftestTags {
  /** BPF_F_* in addition to those of the section's name. */
  flags: number;
  /** Object whose BTF stands in for the kernel's when types are relocated. */
  btfPath?: string;
  /** Whether the selftest says what it expects of the program. */
  expects: boolean;
}

/** Names of BPF_F_* that annotations use. */
const FLAGS = new Map([
  ['BPF_F_STRICT_ALIGNMENT', 1],
  ['BPF_F_ANY_ALIGNMENT', 2],
  ['BPF_F_TEST_RND_HI32', 4],
  ['BPF_F_TEST_STATE_FREQ', 8],
  ['BPF_F_SLEEPABLE', 16],
  ['BPF_F_XDP_HAS_FRAGS', 32],
  ['BPF_F_TEST_REG_INVARIANTS', 128],
]);

const PREFIX = 'comment:test_';
const BTF_PATH = 'btf_path=';
const PROG_FLAGS = 'prog_flags=';
const EXPECTATION = /^(expect|retval)/;

/** Tags of a function of an object, as written in its source. */
export function tagsOf(btf: Btf, program: string): string[] {
  const func = btf.find(program, BtfKind.Func);
  const tags: string[] = [];
  for (let id = btf.firstId; id < btf.typeCount && func !== 0; id++) {
    if (btf.kind(id) !== BtfKind.DeclTag) continue;
    const tag = btf.type(id);
    if (tag.type === func && tag.component === -1) tags.push(tag.name);
  }
  return tags;
}

export function parseTags(tags: readonly string[]): SelftestTags {
  const result: SelftestTags = { flags: 0, expects: false };
  for (const tag of tags) {
    if (!tag.startsWith(PREFIX)) continue;
    const text = tag.slice(PREFIX.length);
    if (text.startsWith(BTF_PATH)) result.btfPath = text.slice(BTF_PATH.length);
    if (EXPECTATION.test(text)) result.expects = true;
    // "!FLAG" keeps the selftests' own loader from setting it; the recording loader never did.
    if (text.startsWith(PROG_FLAGS) && !text.startsWith(`${PROG_FLAGS}!`)) {
      const flag = text.slice(PROG_FLAGS.length);
      result.flags |= FLAGS.get(flag) ?? Number(flag);
    }
  }
  return result;
}
