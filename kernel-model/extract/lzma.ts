/**
 * LZMA: the coder inside .lzma and .xz files (LZMA specification, I. Pavlov). The output array is the
 * dictionary: a kernel is unpacked whole, so there is no window to keep apart.
 */

const PROB_BITS = 11;
const PROB_INIT = 1 << (PROB_BITS - 1);
const MOVE_BITS = 5;
const TOP = 2 ** 24;

const STATES = 12;
const FIRST_NON_LITERAL = 7;
const POSITION_STATES_MAX = 16;
const LENGTH_STATES = 4;
const SLOT_BITS = 6;
const ALIGN_BITS = 4;
/** Distance slots below this are the distance itself; below FULL_DISTANCE_SLOTS the low bits are modelled. */
const FIRST_MODEL_SLOT = 4;
const LAST_MODEL_SLOT = 14;
const MATCH_MIN = 2;
const END_MARKER = 0xffff_ffff;

/** Probabilities of a match length: 2..9, 10..17 and 18..273 by three trees. */
class LengthModel {
  readonly choice = new Uint16Array(2);
  readonly low = new Uint16Array(POSITION_STATES_MAX << 3);
  readonly mid = new Uint16Array(POSITION_STATES_MAX << 3);
  readonly high = new Uint16Array(256);

  reset(): void {
    for (const model of [this.choice, this.low, this.mid, this.high]) model.fill(PROB_INIT);
  }
}

export class LzmaDecoder {
  /** Bytes written so far. */
  position = 0;
  /** Set when the end marker was met. */
  ended = false;
  private readonly out: Uint8Array;
  private input: Uint8Array = new Uint8Array(0);
  private at = 0;
  private end = 0;
  private range = 0;
  private code = 0;

  private literalBits = 0;
  private literalPositionMask = 0;
  private positionMask = 0;
  private state = 0;
  private readonly distances = new Uint32Array(4);
  /** Where the dictionary begins: matches must not reach before it. */
  private dictionaryStart = 0;

  private literals = new Uint16Array(0);
  private readonly isMatch = new Uint16Array(STATES * POSITION_STATES_MAX);
  private readonly isRep = new Uint16Array(STATES);
  private readonly isRep0 = new Uint16Array(STATES);
  private readonly isRep1 = new Uint16Array(STATES);
  private readonly isRep2 = new Uint16Array(STATES);
  private readonly isRep0Long = new Uint16Array(STATES * POSITION_STATES_MAX);
  private readonly slots = new Uint16Array(LENGTH_STATES << SLOT_BITS);
  private readonly modelled = new Uint16Array(128);
  private readonly aligned = new Uint16Array(1 << ALIGN_BITS);
  private readonly matchLength = new LengthModel();
  private readonly repLength = new LengthModel();

  constructor(out: Uint8Array) {
    this.out = out;
  }

  resetDictionary(): void {
    this.dictionaryStart = this.position;
  }

  /** Sets lc, lp and pb from their common byte, (pb * 5 + lp) * 9 + lc, and forgets what was learnt. */
  setProperties(byte: number): void {
    if (byte >= 9 * 5 * 5) throw new Error(`bad LZMA properties ${byte}`);
    const literalBits = byte % 9;
    const literalPositionBits = Math.floor(byte / 9) % 5;
    const positionBits = Math.floor(byte / 45);
    this.literalBits = literalBits;
    this.literalPositionMask = (1 << literalPositionBits) - 1;
    this.positionMask = (1 << positionBits) - 1;
    this.literals = new Uint16Array(0x300 << (literalBits + literalPositionBits));
    this.resetState();
  }

  resetState(): void {
    this.state = 0;
    this.distances.fill(0);
    const models = [this.isMatch, this.isRep, this.isRep0, this.isRep1, this.isRep2, this.isRep0Long];
    for (const model of [...models, this.literals, this.slots, this.modelled, this.aligned])
      model.fill(PROB_INIT);
    this.matchLength.reset();
    this.repLength.reset();
  }

  /** Copies bytes that were stored as they are. */
  store(bytes: Uint8Array): void {
    if (this.position + bytes.length > this.out.length) throw new Error('more data than announced');
    this.out.set(bytes, this.position);
    this.position += bytes.length;
  }

  /** Decodes input[from, end) until `limit` bytes have been written in all, or the end marker. */
  decode(input: Uint8Array, from: number, end: number, limit: number): void {
    if (limit > this.out.length) throw new Error('more data than announced');
    this.input = input;
    this.at = from;
    this.end = end;
    this.startRange();
    while (this.position < limit && !this.ended) {
      const positionState = this.position & this.positionMask;
      if (this.bit(this.isMatch, this.state * POSITION_STATES_MAX + positionState) === 0) this.literal();
      else this.match(positionState, limit);
    }
  }

  /** Checks that the end marker comes next. */
  expectEnd(): void {
    const positionState = this.position & this.positionMask;
    if (this.bit(this.isMatch, this.state * POSITION_STATES_MAX + positionState) !== 0) {
      this.match(positionState, this.position);
    }
    if (!this.ended) throw new Error('more data than announced');
  }

  private startRange(): void {
    if (this.at + 5 > this.end) throw new Error('data are cut off');
    if (this.input[this.at] !== 0) throw new Error('the coded data do not begin with 0');
    this.range = 0xffff_ffff;
    this.code = 0;
    for (let i = 1; i < 5; i++) this.code = ((this.code << 8) | (this.input[this.at + i] as number)) >>> 0;
    this.at += 5;
  }

  private literal(): void {
    const { out, position, literals, dictionaryStart } = this;
    const previous = position > dictionaryStart ? (out[position - 1] as number) : 0;
    const context =
      ((position & this.literalPositionMask) << this.literalBits) + (previous >>> (8 - this.literalBits));
    const base = 0x300 * context;
    let symbol = 1;
    if (this.state >= FIRST_NON_LITERAL) {
      let matched = this.byteAt(this.distances[0] as number);
      while (symbol < 0x100) {
        const expected = (matched >>> 7) & 1;
        matched <<= 1;
        const bit = this.bit(literals, base + ((1 + expected) << 8) + symbol);
        symbol = (symbol << 1) | bit;
        if (bit !== expected) break;
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.bit(literals, base + symbol);
    out[this.position++] = symbol & 0xff;
    this.state = this.state < 4 ? 0 : this.state < 10 ? this.state - 3 : this.state - 6;
  }

  private match(positionState: number, limit: number): void {
    const { state } = this;
    let length: number;
    if (this.bit(this.isRep, state) === 0) {
      length = this.length(this.matchLength, positionState);
      const distance = this.distance(length);
      if (distance === END_MARKER) {
        this.ended = true;
        return;
      }
      this.distances.copyWithin(1, 0, 3);
      this.distances[0] = distance;
      this.state = state < FIRST_NON_LITERAL ? 7 : 10;
    } else {
      if (this.repeat(state, positionState)) {
        this.state = state < FIRST_NON_LITERAL ? 9 : 11;
        this.copy(1, limit);
        return;
      }
      length = this.length(this.repLength, positionState);
      this.state = state < FIRST_NON_LITERAL ? 8 : 11;
    }
    this.copy(length + MATCH_MIN, limit);
  }

  /** Moves the repeated distance to the front; true for the one-byte repetition of the last distance. */
  private repeat(state: number, positionState: number): boolean {
    const { distances } = this;
    if (this.bit(this.isRep0, state) === 0) {
      return this.bit(this.isRep0Long, state * POSITION_STATES_MAX + positionState) === 0;
    }
    let which = 1;
    if (this.bit(this.isRep1, state) !== 0) which = 2 + this.bit(this.isRep2, state);
    const distance = distances[which] as number;
    distances.copyWithin(1, 0, which);
    distances[0] = distance;
    return false;
  }

  private length(model: LengthModel, positionState: number): number {
    if (this.bit(model.choice, 0) === 0) return this.tree(model.low, positionState << 3, 3);
    if (this.bit(model.choice, 1) === 0) return 8 + this.tree(model.mid, positionState << 3, 3);
    return 16 + this.tree(model.high, 0, 8);
  }

  private distance(length: number): number {
    const lengthState = Math.min(length, LENGTH_STATES - 1);
    const slot = this.tree(this.slots, lengthState << SLOT_BITS, SLOT_BITS);
    if (slot < FIRST_MODEL_SLOT) return slot;
    const lowBits = (slot >>> 1) - 1;
    const high = ((2 | (slot & 1)) << lowBits) >>> 0;
    if (slot < LAST_MODEL_SLOT) return high + this.reverseTree(this.modelled, high - slot, lowBits);
    const direct = this.directBits(lowBits - ALIGN_BITS) * (1 << ALIGN_BITS);
    return high + direct + this.reverseTree(this.aligned, 0, ALIGN_BITS);
  }

  private copy(length: number, limit: number): void {
    const distance = (this.distances[0] as number) + 1;
    const to = this.position;
    if (distance > to - this.dictionaryStart) throw new Error('match reaches before the data');
    if (to + length > limit) throw new Error('match runs past the end');
    const { out } = this;
    for (let i = to; i < to + length; i++) out[i] = out[i - distance] as number;
    this.position = to + length;
  }

  private byteAt(distance: number): number {
    if (distance >= this.position - this.dictionaryStart) throw new Error('match reaches before the data');
    return this.out[this.position - 1 - distance] as number;
  }

  private tree(model: Uint16Array, base: number, bits: number): number {
    let symbol = 1;
    for (let i = 0; i < bits; i++) symbol = (symbol << 1) | this.bit(model, base + symbol);
    return symbol - (1 << bits);
  }

  private reverseTree(model: Uint16Array, base: number, bits: number): number {
    let node = 1;
    let symbol = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.bit(model, base + node);
      node = (node << 1) | bit;
      symbol |= bit << i;
    }
    return symbol;
  }

  private bit(model: Uint16Array, index: number): number {
    const probability = model[index] as number;
    const bound = (this.range >>> PROB_BITS) * probability;
    let bit = 0;
    if (this.code < bound) {
      this.range = bound;
      model[index] = probability + (((1 << PROB_BITS) - probability) >>> MOVE_BITS);
    } else {
      this.range -= bound;
      this.code -= bound;
      model[index] = probability - (probability >>> MOVE_BITS);
      bit = 1;
    }
    if (this.range < TOP) this.refill();
    return bit;
  }

  private directBits(count: number): number {
    let result = 0;
    for (let i = 0; i < count; i++) {
      this.range = this.range >>> 1;
      const bit = this.code >= this.range ? 1 : 0;
      if (bit === 1) this.code -= this.range;
      if (this.range < TOP) this.refill();
      result = result * 2 + bit;
    }
    return result;
  }

  private refill(): void {
    if (this.at >= this.end) throw new Error('data are cut off');
    this.range = (this.range << 8) >>> 0;
    this.code = ((this.code << 8) | (this.input[this.at++] as number)) >>> 0;
  }
}

const HEADER_BYTES = 13;
const UNKNOWN_SIZE = 0xffff_ffff_ffff_ffffn;

/**
 * Unpacks a .lzma file into `out`: its header has the properties, the dictionary's size and that of the data,
 * or none when an end marker follows them. Returns the bytes. @throws {Error} for damaged data.
 */
export function unlzma(packed: Uint8Array, out: Uint8Array): number {
  if (packed.length < HEADER_BYTES) throw new Error('header is cut off');
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const size = view.getBigUint64(5, true);
  if (size !== UNKNOWN_SIZE && size !== BigInt(out.length)) throw new Error(`header announces ${size} bytes`);
  const decoder = new LzmaDecoder(out);
  decoder.setProperties(packed[0] as number);
  decoder.decode(packed, HEADER_BYTES, packed.length, out.length);
  if (size === UNKNOWN_SIZE && !decoder.ended) decoder.expectEnd();
  return decoder.position;
}
