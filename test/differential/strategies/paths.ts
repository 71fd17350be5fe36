/** What paths share and what they do not: copies that learn together, registers that differ where paths meet. */
import { type Draft, memory, SCALAR, WIDTHS } from '../draft.ts';
import { mapIndex, mapNamed } from '../maps.ts';
import { access, key, lookup } from './memory.ts';
import { bound, COMPARISONS, compare, immediate, operate, unknown } from './scalars.ts';

/** Copies of a number, some with a constant added; what a jump tells of one it tells of all. */
export function linked(draft: Draft): void {
  const { random } = draft;
  const at = draft.stack(64);
  if (at === undefined) return;
  const first = draft.take();
  const second = draft.take();
  const third = draft.take();
  unknown(draft, first);
  if (random.chance(0.6)) bound(draft, first, 2 ** random.int(4, 30));
  draft.emit(`r${second} = r${first}`);
  const added = random.pick([0, 1, 8, -4, 32, 0x7fff_ffff]);
  if (added !== 0) draft.emit(`r${second} += ${added}`);
  draft.emit(random.chance(0.5) ? `r${third} = r${second}` : `w${third} = w${first}`);
  if (random.chance(0.3)) operate(draft, third, undefined);
  const spilled = random.chance(0.4) ? draft.stack(8) : undefined;
  if (spilled !== undefined) draft.emit(`*(u64 *)(r10 ${spilled}) = r${first}`);
  const limit = draft.slip() ? 64 : 63;
  const checked = random.pick([first, second, third]);
  draft.emit(`if ${random.chance(0.8) ? 'r' : 'w'}${checked} > ${limit} goto ${draft.exit}`);
  if (spilled !== undefined) draft.emit(`r${first} = *(u64 *)(r10 ${spilled})`);
  const used = random.chance(0.7) ? checked : random.pick([first, second, third]);
  if (used !== checked && !draft.slip()) draft.emit(`r${used} &= 63`);
  else if (random.chance(0.3)) draft.emit(`if r${used} s< ${random.int(0, 3)} goto ${draft.exit}`);
  draft.using((pointer) => {
    draft.emit(`r${pointer} = r10`, `r${pointer} += r${used}`, `*(u8 *)(r${pointer} ${at}) = 1`);
    return undefined;
  });
  for (const register of [first, second, third]) draft.give(register, SCALAR);
}

/** One register, two meanings; after the paths have met it is used as one of them, or not at all. */
export function typesMeet(draft: Draft): void {
  const { random } = draft;
  if (draft.savedLeft() < 2) return;
  lookup(draft, random.pick(['wide_array', 'hash', 'big_array']), (value, region) => {
    const register = draft.take(true);
    const condition = draft.take();
    unknown(draft, condition);
    const other = draft.label();
    const end = draft.label();
    compare(draft, condition, undefined, other);
    draft.give(condition, SCALAR);
    draft.emit(`r${register} = r${value}`, `r${register} += ${random.int(0, 2) * 8}`, `goto ${end}`);
    draft.place(other);
    const meanings = [`r${register} = r${value}`, `r${register} = r10`, `r${register} = ${immediate(draft)}`];
    const meaning = draft.slip() ? random.pick(meanings.slice(1)) : meanings[0];
    draft.emit(String(meaning));
    draft.place(end);
    if (random.chance(0.7)) {
      draft.using((loaded) => {
        draft.emit(`r${loaded} = ${memory(random.pick(WIDTHS), register, random.int(0, 2) * 8)}`);
        return SCALAR;
      });
    }
    access(draft, value, region);
    draft.give(register);
  });
}

/** A pointer that may be null, in several places; one of them is asked. */
export function nullCopies(draft: Draft): void {
  const { random } = draft;
  const at = draft.stack(8);
  if (!draft.canCall() || at === undefined || draft.savedLeft() < 2) return;
  const map = random.pick(['hash', 'lru', 'percpu_hash', 'wide_array'] as const);
  if (draft.shared.unprivileged && map === 'lru') return;
  if (!key(draft, map)) return;
  draft.emit(`r1 = map[${mapIndex(map)}]`);
  draft.call('bpf_map_lookup_elem');
  const first = draft.take(true);
  const second = draft.take(true);
  draft.emit(`*(u64 *)(r10 ${at}) = r0`, `r${first} = r0`);
  const end = draft.label();
  if (random.chance(0.3)) {
    // On one path the second copy is another value.
    draft.emit(`r${second} = r0`);
    draft.pin(0);
    draft.using((condition) => {
      unknown(draft, condition);
      compare(draft, condition, undefined, end);
      return undefined;
    });
    draft.emit(`r${second} = ${draft.slip() ? immediate(draft) : `r${first}`}`);
    draft.place(end);
    draft.give(0);
  } else draft.emit(`r${second} = r0`);
  const asked = random.pick([0, first, second]);
  draft.emit(`if r${asked} == 0 goto ${draft.exit}`);
  const size = mapNamed(map).valueSize;
  const used = random.pick([0, first, second]);
  draft.using((register) => {
    draft.emit(`r${register} = ${memory(8, used, size - 8)}`);
    return undefined;
  });
  draft.using((register) => {
    draft.emit(
      `r${register} = *(u64 *)(r10 ${at})`,
      `r${register} = ${memory(1, register, draft.slip() ? size : 0)}`,
    );
    return SCALAR;
  });
  draft.give(first, { kind: 'memory', size, writable: true, map });
  draft.give(second);
}

/** A number whose value comes to matter late: through the stack, through branches, through another number. */
export function latePrecision(draft: Draft): void {
  const { random } = draft;
  const at = draft.stack(8);
  const buffer = draft.stack(64);
  if (at === undefined || buffer === undefined) return;
  const register = draft.take(draft.savedLeft() > 1);
  const other = draft.take();
  const end = draft.label();
  unknown(draft, other);
  draft.emit(`r${register} = ${random.int(0, 30)}`);
  draft.emit(`if r${other} ${random.pick(COMPARISONS)} ${immediate(draft)} goto ${end}`);
  draft.emit(`r${register} = ${draft.slip() ? random.int(64, 70) : random.int(0, 30)}`);
  draft.place(end);
  const width = random.pick([4, 8] as const);
  if (random.chance(0.6)) {
    draft.emit(`*(u64 *)(r10 ${at}) = ${random.chance(0.5) ? 0 : `r${register}`}`);
    draft.emit(`${memory(width, 10, at)} = r${register}`);
  } else draft.emit(`*(u64 *)(r10 ${at}) = r${register}`);
  const skip = draft.label();
  unknown(draft, other);
  compare(draft, other, undefined, skip);
  operate(draft, other, undefined);
  draft.place(skip);
  draft.emit(`r${other} = ${memory(width, 10, at)}`);
  if (random.chance(0.5)) draft.emit(`r${other} += r${register}`);
  draft.using((pointer) => {
    draft.emit(`r${pointer} = r10`, `r${pointer} += ${buffer}`, `r${pointer} += r${other}`);
    draft.emit(random.chance(0.5) ? `*(u8 *)(r${pointer} +0) = 7` : `r${pointer} = *(u8 *)(r${pointer} +0)`);
    return undefined;
  });
  draft.give(register, SCALAR);
  draft.give(other, SCALAR);
}

/** Two pointers into the packet with the same variable part: what one is shown to reach, the other reaches. */
export function packetCopies(draft: Draft): void {
  const { random, ctx } = draft;
  const { packet } = draft.shared.context;
  if (ctx === undefined || packet === undefined || draft.savedLeft() < 1) return;
  const near = draft.take(true);
  const far = draft.take();
  const end = draft.take();
  draft.emit(`r${near} = ${memory(4, ctx, packet.start)}`, `r${end} = ${memory(4, ctx, packet.end)}`);
  if (random.chance(0.6)) {
    draft.using((index) => {
      unknown(draft, index);
      draft.emit(`r${index} &= ${random.pick([15, 63, 255, 4095])}`);
      if (random.chance(0.4)) draft.emit(`r${index} <<= ${random.int(1, 3)}`);
      draft.emit(`r${near} += r${index}`);
      return SCALAR;
    });
  }
  const size = random.pick([2, 8, 20, 40]);
  draft.emit(`r${far} = r${near}`, `r${far} += ${size}`);
  const ok = draft.label();
  if (random.chance(0.5)) draft.emit(`if r${far} > r${end} goto ${draft.exit}`);
  else {
    draft.emit(`if r${end} >= r${far} goto ${ok}`, `goto ${draft.exit}`);
    draft.place(ok);
  }
  draft.give(end);
  const width = random.pick(WIDTHS.filter((candidate) => candidate <= size));
  const over = draft.slip() ? 1 : 0;
  draft.using((register) => {
    draft.emit(`r${register} = ${memory(width, near, size - width + over)}`);
    draft.emit(`r${register} = ${memory(width, far, -size)}`);
    return SCALAR;
  });
  if (draft.slip()) draft.emit(`r${far} = *(u8 *)(r${far} +0)`);
  draft.give(far);
  draft.give(near, { kind: 'memory', size, writable: false });
}
