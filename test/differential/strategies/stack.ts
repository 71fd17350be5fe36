/** The stack: spills and fills of all sizes, partial overwrites, computed places, buffers for helpers. */
import { type Draft, memory, SCALAR, WIDTHS, type Width } from '../draft.ts';
import { atomic } from './memory.ts';
import { bound, bounded, compare, constant, immediate, operate, unknown } from './scalars.ts';

/** Spills numbers and pointers, overwrites parts, reads them back in other sizes. */
export function spills(draft: Draft): void {
  const { random } = draft;
  const at = draft.stack(16);
  if (at === undefined) return;
  const register = draft.take();
  if (random.chance(0.7)) unknown(draft, register);
  else constant(draft, register);
  if (random.chance(0.4)) bound(draft, register, 2 ** random.int(1, 20));
  for (let i = random.int(2, 6); i > 0; i--) step(draft, at, register);
  draft.give(register, SCALAR);
}

function step(draft: Draft, at: number, register: number): void {
  const { random } = draft;
  const width = random.pick(WIDTHS);
  const slot = at + random.int(0, 16 / width - 1) * width;
  switch (random.int(0, 6)) {
    case 0:
    case 1:
      draft.emit(`${memory(width, 10, slot)} = r${register}`);
      break;
    case 2:
      draft.emit(`${memory(width, 10, slot)} = ${random.chance(0.4) ? 0 : immediate(draft)}`);
      break;
    case 3:
      fillBack(draft, slot, width);
      break;
    case 4:
      if (draft.ctx === undefined) break;
      draft.emit(`*(u64 *)(r10 ${at}) = r${draft.ctx}`);
      if (draft.slip()) draft.emit(`${memory(random.pick([1, 2, 4]), 10, at)} = ${immediate(draft)}`);
      draft.using((copy) => {
        draft.emit(`r${copy} = *(u64 *)(r10 ${at})`);
        const field = draft.shared.context.fields[0];
        if (field) draft.emit(`r${copy} = ${memory(field.width, copy, field.offset)}`);
        return field ? SCALAR : undefined;
      });
      if (!draft.slip()) draft.emit(`*(u64 *)(r10 ${at}) = ${immediate(draft)}`);
      break;
    case 5:
      draft.emit(`*(u64 *)(r10 ${at}) = r${register}`);
      if (width >= 4) atomic(draft, 10, slot, register, draft.slip() ? 2 : width);
      break;
    default:
      operate(draft, register, undefined);
  }
}

/** Reads back and shows what is known of it. */
function fillBack(draft: Draft, slot: number, width: Width): void {
  const { random } = draft;
  // What was never written may be read by those with CAP_PERFMON only.
  if (draft.shared.unprivileged && !draft.slip())
    draft.emit(`${memory(width, 10, slot)} = ${random.int(0, 9)}`);
  draft.using((register) => {
    draft.emit(`r${register} = ${memory(width, 10, slot, width < 8 && random.chance(0.25))}`);
    if (random.chance(0.4)) {
      const label = draft.label();
      compare(draft, register, undefined, label);
      operate(draft, register, undefined);
      draft.place(label);
    }
    return SCALAR;
  });
}

/** Computed places on the stack. */
export function variableStack(draft: Draft): void {
  const { random } = draft;
  const size = random.pick([8, 16, 32, 64]);
  const at = draft.stack(size);
  if (at === undefined || draft.shared.unprivileged) return;
  if (random.chance(0.6)) initialise(draft, at, size);
  const pointer = draft.take();
  const index = draft.take();
  const width = random.pick(WIDTHS);
  bounded(draft, index, size - width);
  if (width > 1 && random.chance(0.5)) draft.emit(`r${index} &= ${-width}`);
  draft.emit(`r${pointer} = r10`);
  // The slip is to start so high that the end is above the frame.
  const start = draft.slip() ? -size + 8 : at;
  if (random.chance(0.5)) draft.emit(`r${pointer} += ${start}`, `r${pointer} += r${index}`);
  else draft.emit(`r${pointer} += r${index}`, `r${pointer} += ${start}`);
  draft.give(index, SCALAR);
  if (random.chance(0.5))
    draft.emit(`${memory(width, pointer, 0)} = ${random.chance(0.3) ? 0 : random.int(1, 99)}`);
  else if (random.chance(0.3)) draft.emit(`${memory(width, pointer, 0)} = r${index}`);
  draft.using((value) => {
    draft.emit(`r${value} = ${memory(width, pointer, 0)}`);
    return SCALAR;
  });
  draft.give(pointer);
  if (random.chance(0.5)) {
    draft.using((value) => {
      draft.emit(`r${value} = ${memory(random.pick(WIDTHS), 10, at)}`);
      return SCALAR;
    });
  }
}

function initialise(draft: Draft, at: number, size: number): void {
  const zero = draft.random.chance(0.5);
  for (let done = 0; done < size; done += 8) draft.emit(`*(u64 *)(r10 ${at + done}) = ${zero ? 0 : done}`);
}

/** Places that are off the stack, or hold what may not be read as it is read. */
export function stackEdges(draft: Draft): void {
  const { random } = draft;
  const width = random.pick(WIDTHS);
  const register = draft.take();
  const inside = -512 + random.int(0, 4) * 8;
  const offset = draft.slip()
    ? random.pick([-512 - width, -width + 1, 0, 8, -520])
    : random.chance(0.5)
      ? -width
      : inside;
  if (random.chance(0.5) || draft.shared.unprivileged) {
    draft.emit(`${memory(width, 10, offset)} = ${random.int(0, 5)}`);
  }
  draft.emit(`r${register} = ${memory(width, 10, offset)}`);
  draft.give(register, SCALAR);
}

/** Two paths that leave different things at the same place. */
export function merge(draft: Draft): void {
  const { random } = draft;
  const at = draft.stack(8);
  if (at === undefined) return;
  const register = draft.take();
  unknown(draft, register);
  const width = random.pick(WIDTHS);
  const other = draft.label();
  const end = draft.label();
  compare(draft, register, undefined, other);
  draft.emit(`*(u64 *)(r10 ${at}) = ${immediate(draft)}`);
  if (random.chance(0.5)) draft.emit(`r${register} = ${random.int(0, 7)}`);
  draft.emit(`goto ${end}`);
  draft.place(other);
  if (random.chance(0.6))
    draft.emit(`*(u64 *)(r10 ${at}) = ${random.chance(0.5) ? `r${register}` : immediate(draft)}`);
  else draft.emit(`${memory(width, 10, at)} = 0`);
  if (draft.shared.unprivileged) draft.emit(`*(u64 *)(r10 ${at}) = 1`);
  if (random.chance(0.5)) draft.emit(`r${register} = ${random.int(0, 7)}`);
  draft.place(end);
  if (draft.slip() && draft.ctx !== undefined) {
    const label = draft.label();
    draft.emit(`if r${register} != 3 goto ${label}`, `*(u64 *)(r10 ${at}) = r${draft.ctx}`);
    draft.place(label);
  }
  draft.emit(`r${register} = ${memory(random.pick([4, 8, width]), 10, at)}`);
  draft.give(register, SCALAR);
}
