/** BTF that is damaged where it matters: kinds, lengths, sizes, references and names of its types. */
import { Btf } from '../../bpf/btf.ts';
import { damageBytes, type Random } from './hostile-random.ts';

const KINDS = 20;
const HEAD = 12;
/** Names that give structs and tags a meaning. */
const SPECIAL =
  'bpf_spin_lock bpf_timer bpf_wq bpf_list_head bpf_list_node bpf_rb_root bpf_rb_node bpf_refcount kptr percpu_kptr kptr_untrusted user rcu arg:ctx arg:trusted arg:nonnull exception_callback: contains: bpf_dynptr .maps .data..percpu'.split(
    ' ',
  );

/** Where the records of a blob stand, the end of the last one behind them; undefined when it is damaged. */
function recordOffsets(bytes: Uint8Array): number[] | undefined {
  let btf: Btf;
  try {
    btf = Btf.parse(bytes);
  } catch {
    return undefined;
  }
  const offsets = Array.from({ length: btf.typeCount - 1 }, (_, i) => btf.recordOffset(i + 1));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return [...offsets, view.getUint32(4, true) + view.getUint32(8, true) + view.getUint32(12, true)];
}

/** Offset of a string in the section; that of the empty one when it has none such. */
function stringOffset(bytes: Uint8Array, text: string): number {
  if (bytes.length < HEAD * 2) return 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = view.getUint32(4, true) + view.getUint32(16, true);
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(`\0${text}\0`, start);
  return at < 0 ? 0 : at + 1 - start;
}

/** Changes one word of the record between `at` and `end`; with `keepsShape`, not where the next ones stand. */
function damageRecord(
  view: DataView,
  [at, end]: [number, number],
  types: number,
  keepsShape: boolean,
  random: Random,
): void {
  const info = view.getUint32(at + 4, true);
  const damage = (word: number) => {
    const id = random.once(2);
    view.setUint32(word, id ? 1 + random.below(types) : random.word(view.getUint32(word, true)), true);
  };
  switch (random.below(keepsShape ? 5 : 7)) {
    case 0:
      view.setUint32(at + 4, (info ^ 0x8000_0000) >>> 0, true);
      break;
    case 1:
      damage(at + 8);
      break;
    case 5:
      view.setUint32(at + 4, ((info & 0xe0ff_ffff) | (random.below(KINDS + 2) << 24)) >>> 0, true);
      break;
    case 6:
      view.setUint32(at + 4, ((info & 0xffff_0000) | (random.word(info & 0xffff) & 0xffff)) >>> 0, true);
      break;
    default: {
      const words = (end - at - HEAD) >> 2;
      damage(words > 0 ? at + HEAD + 4 * random.below(words) : at + 8);
    }
  }
}

/** Gives a type another name: that of another type, a meaningful one, or none that exists. */
function rename(bytes: Uint8Array, view: DataView, offsets: readonly number[], random: Random): void {
  const at = offsets[random.below(offsets.length - 1)] ?? 0;
  const other = offsets[random.below(offsets.length - 1)] ?? 0;
  const special = stringOffset(bytes, random.pick(SPECIAL));
  const names = [view.getUint32(other, true), special, special, random.word(view.getUint32(at, true))];
  view.setUint32(at, random.pick(names), true);
}

/** Exchanges two records of the same size, and with them the meaning of their ids. */
function swap(bytes: Uint8Array, offsets: readonly number[], random: Random): void {
  const size = (i: number) => (offsets[i + 1] ?? 0) - (offsets[i] ?? 0);
  const first = random.below(offsets.length - 1);
  const same = offsets.slice(0, -1).flatMap((_, i) => (size(i) === size(first) ? [i] : []));
  const second = random.pick(same);
  const a = bytes.slice(offsets[first], offsets[first + 1]);
  const b = bytes.slice(offsets[second], offsets[second + 1]);
  bytes.set(b, offsets[first]);
  bytes.set(a, offsets[second]);
}

/** Replaces the text of a string that gives meaning by another such text that is not longer. */
function retitle(bytes: Uint8Array, random: Random): void {
  const from = random.pick(SPECIAL);
  const to = random.pick(SPECIAL).slice(0, from.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = stringOffset(bytes, from);
  if (at === 0) return;
  const start = view.getUint32(4, true) + view.getUint32(16, true) + at;
  bytes.set(new TextEncoder().encode(to.padEnd(from.length, '\0')), start);
}

/** A copy with `times` records damaged; `keepsShape`: only in what they say, not in their kind and length. */
export function damageRecords(
  good: Uint8Array,
  times: number,
  keepsShape: boolean,
  random: Random,
): Uint8Array {
  const offsets = recordOffsets(good);
  if (!offsets || offsets.length < 2) return damageBytes(good, random);
  const bytes = new Uint8Array(good);
  const view = new DataView(bytes.buffer);
  for (let time = 0; time < times; time++) {
    if (random.once(7)) {
      rename(bytes, view, offsets, random);
      continue;
    }
    const i = random.below(offsets.length - 1);
    const place: [number, number] = [offsets[i] ?? 0, offsets[i + 1] ?? 0];
    damageRecord(view, place, offsets.length, keepsShape, random);
  }
  return bytes;
}

/** A damaged copy of a blob. */
export function damageBtf(good: Uint8Array, random: Random): Uint8Array {
  switch (random.below(12)) {
    case 0:
    case 1:
      return damageBytes(good, random);
    case 2: {
      const bytes = new Uint8Array(good);
      const offsets = recordOffsets(good);
      if (offsets && offsets.length > 1) swap(bytes, offsets, random);
      return bytes;
    }
    case 3: {
      const bytes = new Uint8Array(good);
      retitle(bytes, random);
      return bytes;
    }
    default:
      return damageRecords(good, 1 + random.below(4), random.once(3), random);
  }
}
