/** Memory of all kinds: reached at constant and at computed places, read, written, changed atomically. */
import { address, type Draft, memory, SCALAR, type Value, WIDTHS, type Width } from '../draft.ts';
import { type MapName, mapIndex, mapNamed } from '../maps.ts';
import { bounded, compare, immediate, unknown } from './scalars.ts';

/** Memory that a register points to the start of. */
export interface Region {
  size: number;
  writable: boolean;
  readable: boolean;
  /** Whether places in it may be computed at run time. */
  variable: boolean;
}

/** One access, at a place that lies in the region, or just not. */
export function access(draft: Draft, base: number, region: Region): void {
  const { random } = draft;
  const width = random.pick(WIDTHS.filter((candidate) => candidate <= region.size));
  if (region.variable && random.chance(0.55)) variableAccess(draft, base, region, width);
  else touch(draft, base, place(draft, region.size, width), width, region);
}

/** An offset at which `width` bytes end within `size`. */
function place(draft: Draft, size: number, width: Width): number {
  const { random } = draft;
  if (draft.slip()) return random.pick([size - width + 1, size, -1, size + 8, -width]);
  const last = Math.floor((size - width) / width) * width;
  return random.chance(0.4) ? last : random.int(0, last / width) * width;
}

/** base + scalar */
function variableAccess(draft: Draft, base: number, region: Region, width: Width): void {
  const { random } = draft;
  draft.using((pointer) => {
    const index = draft.take();
    const fixed = random.chance(0.5) ? random.int(0, region.size - width) : 0;
    const scale = random.pick([1, 1, 1, width, 4]);
    const room = region.size - width - fixed;
    bounded(draft, index, Math.floor(room / scale));
    if (scale > 1)
      draft.emit(random.chance(0.5) ? `r${index} *= ${scale}` : `r${index} <<= ${Math.log2(scale)}`);
    if (random.chance(0.15)) {
      draft.emit(`r${pointer} = r${index}`, `r${pointer} += r${base}`);
    } else {
      draft.emit(`r${pointer} = r${base}`);
      if (fixed > 0 && random.chance(0.4)) {
        draft.emit(`r${pointer} += ${fixed}`, `r${pointer} += r${index}`);
        touch(draft, pointer, 0, width, region);
        draft.give(index, SCALAR);
        return undefined;
      }
      draft.emit(`r${pointer} += r${index}`);
    }
    touch(draft, pointer, fixed, width, region);
    if (random.chance(0.1)) {
      draft.emit(`r${pointer} -= r${index}`);
      touch(draft, pointer, 0, width, region);
    }
    draft.give(index, SCALAR);
    return undefined;
  });
}

/** Reads, writes or changes what is at an offset. */
export function touch(draft: Draft, base: number, offset: number, width: Width, region: Region): void {
  const { random } = draft;
  const writes = region.writable ? !draft.slip() || !region.readable : draft.slip();
  const kind = random.weighted([
    [region.readable ? 5 : 0, 'load'],
    [writes ? 3 : 0, 'store'],
    [writes ? 2 : 0, 'constant'],
    [writes && region.readable && width >= 4 ? 2 : 0, 'atomic'],
    [region.readable || writes ? 0 : 1, 'load'],
  ] as const);
  if (kind === 'load') {
    draft.using((register) => {
      draft.emit(`r${register} = ${memory(width, base, offset, width < 8 && random.chance(0.2))}`);
      return SCALAR;
    });
  } else if (kind === 'constant') {
    draft.emit(`${memory(width, base, offset)} = ${immediate(draft)}`);
  } else {
    draft.using((source) => {
      const known = draft.knownScalar();
      if (known !== undefined && random.chance(0.4)) draft.emit(`r${source} = r${known}`);
      else if (random.chance(0.5)) unknown(draft, source);
      else draft.emit(`r${source} = ${immediate(draft)}`);
      if (kind === 'store') draft.emit(`${memory(width, base, offset)} = r${source}`);
      else atomic(draft, base, offset, source, draft.slip() ? 1 : width);
      return SCALAR;
    });
  }
}

/** An atomic operation; the kernel has them for 4 and 8 bytes. */
export function atomic(draft: Draft, base: number, offset: number, source: number, width: Width): void {
  const { random } = draft;
  const target = `(u${width * 8} *)${address(base, offset)}`;
  const prefix = width === 8 ? 'atomic64' : 'atomic';
  const plain = ['+=', '|=', '&=', '^='].map((operator) => `lock *${target} ${operator} r${source}`);
  if (width < 4) {
    // Only acquiring loads have narrow forms, and 6.12 does not know those.
    draft.emit(`r${source} = load_acquire(${target})`);
    return;
  }
  const fetched = ['add', 'or', 'and', 'xor'].map(
    (name) => `r${source} = ${prefix}_fetch_${name}(${target}, r${source})`,
  );
  const exchange = `r${source} = ${prefix}_xchg(${target}, r${source})`;
  const text = random.pick([...plain, ...fetched, exchange, 'cmpxchg']);
  if (text !== 'cmpxchg') draft.emit(text);
  else if (draft.valueOf(0)?.kind === 'scalar') {
    draft.emit(`r0 = ${prefix}_cmpxchg(${target}, r0, r${source})`);
  } else draft.emit(exchange);
}

/** Maps whose values programs can get a pointer to. */
const VALUE_MAPS: readonly MapName[] = [
  'wide_array',
  'odd_array',
  'big_array',
  'hash',
  'percpu_array',
  'percpu_hash',
  'rdonly',
  'wronly',
  'lru',
];

/** Puts a key for a map on the stack, and its address into r2. */
export function key(draft: Draft, map: MapName): boolean {
  const { random } = draft;
  const size = mapNamed(map).keySize;
  const at = draft.stack(size);
  if (at === undefined) return false;
  const left = draft.slip() ? size - random.pick([1, 4]) : size;
  for (let done = 0; done < left; ) {
    const width = random.pick(
      WIDTHS.filter((candidate) => candidate <= left - done && done % candidate === 0),
    );
    draft.emit(`${memory(width, 10, at + done)} = ${random.int(0, 3)}`);
    done += width;
  }
  draft.emit('r2 = r10', `r2 += ${draft.slip() ? at + 8 - size + 1 : at}`);
  return true;
}

/** Looks a value up and leaves it, checked, in a saved register. */
export function lookup(draft: Draft, map: MapName, body: (register: number, region: Region) => void): void {
  if (!draft.canCall() || draft.savedLeft() === 0 || !key(draft, map)) return;
  const { random } = draft;
  const { valueSize } = mapNamed(map);
  draft.emit(`r1 = map[${mapIndex(map)}]`);
  draft.call('bpf_map_lookup_elem');
  const value = draft.take(true);
  const skipCheck = draft.slip();
  const early = random.chance(0.3);
  if (early && !skipCheck) checkNull(draft, 0);
  draft.emit(`r${value} = r0`);
  if (!early && !skipCheck) checkNull(draft, random.pick([0, value]));
  const region = { size: valueSize, writable: map !== 'rdonly', readable: map !== 'wronly', variable: true };
  body(value, region);
  draft.give(value, { kind: 'memory', size: valueSize, writable: region.writable, map });
}

function checkNull(draft: Draft, register: number): void {
  const label = draft.label();
  if (draft.random.chance(0.7)) {
    draft.emit(`if r${register} ${draft.slip() ? '!=' : '=='} 0 goto ${draft.exit}`);
    return;
  }
  draft.emit(`if r${register} != 0 goto ${label}`, `goto ${draft.exit}`);
  draft.place(label);
}

/** A value of a map, accessed a few times. */
export function mapValue(draft: Draft): void {
  const { random } = draft;
  const maps = draft.shared.unprivileged ? VALUE_MAPS.filter((name) => name !== 'lru') : VALUE_MAPS;
  lookup(draft, random.pick(maps), (register, region) => {
    for (let i = random.int(1, 4); i > 0; i--) access(draft, register, region);
  });
}

/** Global variables, which have addresses. */
export function globals(draft: Draft): void {
  const { random } = draft;
  const writable = random.chance(0.6);
  const size = writable ? 40 : 36;
  draft.using(
    (register) => {
      const offset = draft.slip() ? size : random.int(0, 3) * 8;
      draft.emit(`r${register} = map[${writable ? 0 : 1}][0]+${offset}`);
      const left = size - Math.min(offset, size - 8);
      for (let i = random.int(1, 3); i > 0; i--) {
        access(draft, register, { size: left, writable, readable: true, variable: true });
      }
      return { kind: 'memory', size: left, writable } satisfies Value;
    },
    draft.savedLeft() > 1 && random.chance(0.5),
  );
}

/** Map operations that take a value. */
export function mapUpdate(draft: Draft): void {
  const { random } = draft;
  const map = random.pick(['wide_array', 'hash', 'percpu_hash', 'odd_array', 'rdonly', 'wronly'] as const);
  const { valueSize } = mapNamed(map);
  const at = draft.stack(valueSize);
  if (!draft.canCall() || at === undefined || !key(draft, map)) return;
  fill(draft, at, valueSize);
  draft.emit('r3 = r10', `r3 += ${draft.slip() ? at + 1 + ((8 - (valueSize % 8)) % 8) : at}`);
  draft.emit(`r4 = ${random.int(0, 2)}`, `r1 = map[${mapIndex(draft.slip() ? 'progs' : map)}]`);
  if (map === 'rdonly' && !draft.slip()) draft.call('bpf_map_lookup_elem');
  else draft.call(random.chance(0.8) ? 'bpf_map_update_elem' : 'bpf_map_delete_elem', SCALAR);
}

/** Writes every byte of a piece of the stack, with stores of mixed sizes. */
export function fill(draft: Draft, at: number, size: number): void {
  const { random } = draft;
  const skipped = draft.slip() ? random.int(0, size - 1) & ~7 : -1;
  for (let done = 0; done < size; ) {
    const fitting = WIDTHS.filter((candidate) => candidate <= size - done && done % candidate === 0);
    const width = random.chance(0.7) ? (fitting.at(-1) ?? 1) : random.pick(fitting);
    if (done !== skipped) draft.emit(`${memory(width, 10, at + done)} = ${random.int(0, 200)}`);
    done += width;
  }
}

/** Pushes to a queue, pops from it, or looks at it. */
export function queue(draft: Draft): void {
  const { random } = draft;
  const at = draft.stack(16);
  if (!draft.canCall() || draft.shared.unprivileged || at === undefined) return;
  const helper = random.pick(['bpf_map_push_elem', 'bpf_map_pop_elem', 'bpf_map_peek_elem']);
  if (helper === 'bpf_map_push_elem') fill(draft, at, 16);
  draft.emit('r2 = r10', `r2 += ${draft.slip() ? at + 8 : at}`, `r3 = ${random.int(0, 2)}`);
  draft.emit(`r1 = map[${mapIndex(draft.slip() ? 'hash' : 'queue')}]`);
  draft.call(helper, SCALAR);
  if (helper !== 'bpf_map_push_elem')
    draft.using((register) => {
      draft.emit(`r${register} = ${memory(8, 10, at)}`);
      return SCALAR;
    });
}

/** A jump in the middle of nowhere, with a body of accesses on one side. */
export function guarded(draft: Draft, body: () => void): void {
  const label = draft.label();
  draft.using((register) => {
    unknown(draft, register);
    compare(draft, register, draft.knownScalar(), label);
    return SCALAR;
  });
  draft.maybe(body);
  draft.place(label);
}
