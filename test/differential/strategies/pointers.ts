/** Arithmetic, comparisons and leaks of pointers. */
import { type Draft, memory, SCALAR } from '../draft.ts';
import { lookup } from './memory.ts';
import { bounded, immediate, unknown } from './scalars.ts';

/** A register with a pointer of some kind, and what may be done to it. */
export function pointers(draft: Draft): void {
  const { random, ctx } = draft;
  const base = random.weighted([
    [ctx === undefined ? 0 : 2, ctx ?? 10],
    [3, 10],
    [1, draft.knownMemory()?.[0] ?? 10],
  ] as const);
  draft.using((register) => {
    draft.emit(`r${register} = r${base}`);
    if (draft.slip()) forbidden(draft, register, base);
    else allowed(draft, register, base);
    return undefined;
  });
}

function allowed(draft: Draft, register: number, base: number): void {
  const { random } = draft;
  const at = draft.stack(8);
  const other = draft.label();
  switch (random.int(0, 4)) {
    case 0:
      draft.emit(`if r${register} == 0 goto ${other}`);
      if (draft.slip()) draft.emit(`r${register} *= 2`);
      break;
    case 1:
      if (base === 10)
        draft.emit(`r${register} += -${random.int(1, 4) * 8}`, `r${register} += ${random.int(1, 8)}`);
      break;
    case 2:
      if (at !== undefined)
        draft.emit(`*(u64 *)(r10 ${at}) = r${register}`, `r${register} = *(u64 *)(r10 ${at})`);
      break;
    case 3:
      if (!draft.shared.unprivileged) draft.emit(`r${register} -= r${base}`);
      break;
    default:
      if (!draft.shared.unprivileged) draft.emit(`w${register} = w${register}`);
  }
  draft.place(other);
}

function forbidden(draft: Draft, register: number, base: number): void {
  const { random } = draft;
  const r = `r${register}`;
  const amount = random.pick([1, 2, 0x2000_0000, -0x2000_0001, 0x7fff_ffff]);
  const texts: readonly (readonly string[])[] = [
    [`${r} *= 2`],
    [`${r} = -${r}`],
    [`${r} += r${base}`],
    [`w${register} += 1`],
    [`${r} &= 7`],
    [`${r} <<= 1`],
    [`${r} ^= r${base}`],
    [`${r} s>>= 3`, `r0 = *(u8 *)(${r} +0)`],
    [`${r} += ${amount}`, `*(u8 *)(${r} +0) = 1`],
    [`${r} = be16 ${r}`],
    [`${r} = (s32)${r}`],
    [`if ${r} > ${immediate(draft)} goto ${draft.exit}`],
    [`if ${r} s< r${base} goto ${draft.exit}`],
    [`if w${register} == 0 goto ${draft.exit}`],
    [`if ${r} == 7 goto ${draft.exit}`],
    [`${r} = ${memory(8, 10, -8)}`, `${r} = ${memory(1, register, 0)}`],
    [`r10 += 8`],
    [`r10 = ${immediate(draft)}`],
    [`r0 = r${random.pick([1, 2, 3, 4, 5])}`, `r0 = *(u8 *)(r0 +0)`],
    [`lock *(u64 *)(${r} +0) += r${base}`],
  ];
  draft.emit(...random.pick(texts));
}

/** number - pointer, pointer - number with a number of either sign. */
export function signedOffsets(draft: Draft): void {
  const { random } = draft;
  lookup(draft, random.pick(['wide_array', 'big_array', 'hash']), (value, region) => {
    const index = draft.take();
    const pointer = draft.take();
    const width = random.pick([1, 4, 8] as const);
    const room = region.size - width;
    bounded(draft, index, room);
    if (random.chance(0.5)) {
      draft.emit(
        `r${pointer} = r${value}`,
        `r${pointer} += ${draft.slip() ? room - 1 : room}`,
        `r${pointer} -= r${index}`,
      );
    } else {
      draft.emit(`r${index} = -r${index}`, `r${pointer} = r${value}`, `r${pointer} += ${room}`);
      draft.emit(`r${pointer} += r${index}`);
    }
    draft.emit(
      `${random.chance(0.5) ? `r${index} = ` : ''}${memory(width, pointer, 0)}`.replace(/^(\*.*)$/, '$1 = 1'),
    );
    draft.give(index, SCALAR);
    draft.give(pointer);
  });
}

/** A pointer where a number is expected, and the other way round. */
export function confusion(draft: Draft): void {
  const { random } = draft;
  const at = draft.stack(8);
  if (at === undefined) return;
  const register = draft.take();
  unknown(draft, register);
  const other = draft.label();
  draft.emit(`*(u64 *)(r10 ${at}) = r10`, `if r${register} > ${random.int(0, 100)} goto ${other}`);
  if (draft.slip()) draft.emit(`*(u64 *)(r10 ${at}) = r${register}`);
  else draft.emit(`*(u64 *)(r10 ${at}) = r10`);
  draft.place(other);
  draft.emit(`r${register} = *(u64 *)(r10 ${at})`, `r${register} = *(u8 *)(r${register} ${at})`);
  draft.give(register, SCALAR);
}
