/** Structures of the kernel, reached through typed pointers: programs that attach to something with a BTF id. */
import { type Draft, memory, SCALAR, WIDTHS } from '../draft.ts';

/** Walks from an argument from pointer to pointer, at offsets that may or may not be fields. */
export function walk(draft: Draft): void {
  const { random, ctx } = draft;
  if (ctx === undefined || draft.savedLeft() < 1) return;
  const pointer = draft.take(true);
  draft.emit(`r${pointer} = *(u64 *)(r${ctx} +${random.int(0, draft.slip() ? 6 : 1) * 8})`);
  // Arguments may be missing (iterators), and what was read through one is not to be trusted.
  draft.emit(`if r${pointer} == 0 goto ${draft.exit}`);
  for (let i = random.int(1, 3); i > 0; i--) {
    draft.using((register) => {
      const width = draft.slip() ? random.pick(WIDTHS) : 8;
      draft.emit(`r${register} = ${memory(width, pointer, random.int(0, 360) * width)}`);
      if (random.chance(0.3)) draft.emit(`if r${register} == 0 goto ${draft.exit}`);
      if (random.chance(0.3)) draft.emit(`r${register} = *(u64 *)(r${register} +${random.int(0, 40) * 8})`);
      return SCALAR;
    });
  }
  if (draft.slip()) draft.emit(`${memory(4, pointer, random.int(0, 30) * 4)} = 0`);
  draft.give(pointer);
}

/** The running task. */
export function currentTask(draft: Draft): void {
  if (!draft.canCall() || draft.savedLeft() < 1) return;
  draft.call('bpf_get_current_task_btf');
  const pointer = draft.take(true);
  draft.emit(`r${pointer} = r0`);
  for (let i = draft.random.int(1, 3); i > 0; i--) {
    draft.using((register) => {
      draft.emit(`r${register} = *(u64 *)(r${pointer} +${draft.random.int(0, 500) * 8})`);
      return SCALAR;
    });
  }
  draft.give(pointer);
}
