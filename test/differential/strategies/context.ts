/** The program's context and the packet behind it. */
import type { ContextField } from '../contexts.ts';
import { type Draft, memory, SCALAR, type Value, WIDTHS } from '../draft.ts';
import { access, type Region } from './memory.ts';
import { bounded, immediate } from './scalars.ts';

/** Fields of the context, read and written as they are, or at any offset and size. */
export function fields(draft: Draft): void {
  const { random, ctx } = draft;
  const { context } = draft.shared;
  if (ctx === undefined) return;
  for (let i = random.int(1, 4); i > 0; i--) {
    if (draft.slip()) {
      anywhere(draft, ctx, context.size);
      continue;
    }
    if (context.fields.length === 0) return;
    const field = random.pick(context.fields);
    if (field.writable && random.chance(0.4)) {
      store(draft, ctx, field);
      continue;
    }
    draft.using((register) => {
      draft.emit(`r${register} = ${memory(field.width, ctx, field.offset)}`);
      return SCALAR;
    });
  }
}

function store(draft: Draft, ctx: number, { width, offset }: ContextField): void {
  const source = draft.knownScalar();
  const value =
    source !== undefined && draft.random.chance(0.5) ? `r${source}` : String(draft.random.int(0, 9));
  draft.emit(`${memory(width, ctx, offset)} = ${value}`);
}

/** An access that may be right by luck. */
function anywhere(draft: Draft, ctx: number, size: number): void {
  const { random } = draft;
  const width = random.pick(WIDTHS);
  const offset = random.chance(0.8)
    ? random.int(0, Math.floor((size - 1) / width)) * width
    : random.int(-8, size + 8);
  draft.using((register) => {
    const store = random.chance(0.3);
    const moved = random.chance(0.15);
    const base = moved ? register : ctx;
    if (moved) draft.emit(`r${register} = r${ctx}`, `r${register} += ${random.pick([4, 8, -4])}`);
    if (store) draft.emit(`${memory(width, base, offset)} = ${immediate(draft)}`);
    else draft.emit(`r${register} = ${memory(width, base, offset, width < 8 && random.chance(0.2))}`);
    return undefined;
  });
}

/** Loads the packet's ends, compares, and reads and writes what was shown to be there. */
export function packet(draft: Draft): void {
  const { random, ctx } = draft;
  const { packet: offsets } = draft.shared.context;
  if (ctx === undefined || offsets === undefined || draft.savedLeft() < 1) return;
  const data = draft.take(true);
  const end = draft.take();
  const meta = offsets.meta !== undefined && random.chance(0.15);
  const from = meta && offsets.meta !== undefined ? offsets.meta : offsets.start;
  const to = meta ? offsets.start : offsets.end;
  draft.emit(`r${data} = ${memory(4, ctx, from)}`, `r${end} = ${memory(4, ctx, to)}`);
  const size = random.pick([1, 2, 4, 8, 14, 20, 34, 64]);
  checkEnd(draft, data, end, size);
  draft.give(end);
  const writable = offsets.writable || draft.slip();
  const region: Region = { size, writable, readable: true, variable: false };
  for (let i = random.int(1, 3); i > 0; i--) access(draft, data, region);
  if (random.chance(0.4)) variablePacket(draft, data, { ctx, to, writable });
  if (random.chance(0.1) && draft.canCall()) moved(draft, data, ctx);
  draft.give(data, { kind: 'memory', size, writable } satisfies Value);
}

/** Compares data + size with the end, one way or the other. */
function checkEnd(draft: Draft, data: number, end: number, size: number): void {
  const { random } = draft;
  const shown = draft.slip() ? size - 1 : size;
  draft.using((pointer) => {
    draft.emit(`r${pointer} = r${data}`, `r${pointer} += ${shown}`);
    const label = draft.label();
    const { exit } = draft;
    // Those that compare strictly show one byte more.
    const ways: readonly string[][] = [
      [`if r${pointer} > r${end} goto ${exit}`],
      [`if r${end} < r${pointer} goto ${exit}`],
      [`r${pointer} -= 1`, `if r${pointer} >= r${end} goto ${exit}`],
      [`r${pointer} -= 1`, `if r${end} <= r${pointer} goto ${exit}`],
      [`if r${pointer} <= r${end} goto ${label}`, `goto ${exit}`],
      [`if r${end} >= r${pointer} goto ${label}`, `goto ${exit}`],
      [`r${pointer} -= 1`, `if r${pointer} < r${end} goto ${label}`, `goto ${exit}`],
      [`r${pointer} -= 1`, `if r${end} > r${pointer} goto ${label}`, `goto ${exit}`],
      [`if r${pointer} ${draft.slip() ? '==' : '>'} r${end} goto ${exit}`],
    ];
    draft.emit(...random.pick(ways));
    draft.place(label);
    return undefined;
  });
}

/** data + scalar, then compared anew. */
function variablePacket(
  draft: Draft,
  data: number,
  { ctx, to, writable }: { ctx: number; to: number; writable: boolean },
): void {
  const { random } = draft;
  const pointer = draft.take();
  const index = draft.take();
  const max = random.pick([7, 60, 255, 1500, 65000]);
  bounded(draft, index, draft.slip() ? 0x1_0000 : max);
  draft.emit(`r${pointer} = r${data}`, `r${pointer} += r${index}`);
  const end = draft.take();
  draft.emit(`r${end} = ${memory(4, ctx, to)}`);
  const size = random.pick([1, 2, 4, 8, 20]);
  checkEnd(draft, pointer, end, size);
  draft.give(end);
  access(draft, pointer, { size, writable, readable: true, variable: false });
  draft.give(index, SCALAR);
  draft.give(pointer);
}

/** Helpers that may move the packet: pointers into it are lost. */
function moved(draft: Draft, data: number, ctx: number): void {
  const { random } = draft;
  const { family } = draft.shared.context;
  if (family === 'xdp') {
    draft.emit(`r1 = r${ctx}`, `r2 = ${random.int(-14, 14)}`);
    draft.call(random.pick(['bpf_xdp_adjust_head', 'bpf_xdp_adjust_tail', 'bpf_xdp_adjust_meta']), SCALAR);
  } else {
    draft.emit(`r1 = r${ctx}`, 'r2 = 0');
    draft.call('bpf_skb_pull_data', SCALAR);
  }
  if (draft.slip()) draft.emit(`r0 = *(u8 *)(r${data} +0)`);
  const { packet: offsets } = draft.shared.context;
  if (!offsets) return;
  draft.emit(`r${data} = ${memory(4, ctx, offsets.start)}`);
  draft.using((end) => {
    draft.emit(`r${end} = ${memory(4, ctx, offsets.end)}`);
    checkEnd(draft, data, end, 64);
    return undefined;
  });
}

/** LD_ABS and LD_IND: the packet of classic filters. They take r6 for the context. */
export function classic(draft: Draft): void {
  const { random } = draft;
  if (draft.ctx !== 6 || !draft.canCall()) return;
  if (!draft.shared.context.classic && !draft.slip()) return;
  const width = random.pick([8, 16, 32]);
  if (random.chance(0.5)) {
    draft.emit(`r0 = *(u${width} *)skb[${random.int(0, 60)}]`);
  } else {
    const index = random.pick(
      [2, 7, 8].filter((register) => draft.valueOf(register)?.kind === 'scalar').concat(2),
    );
    if (draft.valueOf(index)?.kind !== 'scalar' && !draft.slip())
      draft.emit(`r${index} = ${random.int(0, 60)}`);
    draft.emit(`r0 = *(u${width} *)skb[r${index} + ${random.int(0, 9)}]`);
  }
  draft.clobber(SCALAR);
  if (draft.slip()) draft.emit('r3 += r1');
}
