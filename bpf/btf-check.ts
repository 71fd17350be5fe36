/**
 * What BPF_BTF_LOAD asks of a BTF blob before any program may refer to it (kernel docs, bpf/btf.rst): here each
 * record by itself, in btf-graph.ts what records say of each other. Whoever reads BTF that passed need not fear
 * ids, names, sizes or cycles.
 */
import { BTF_INT_BOOL, BTF_INT_CHAR, BTF_INT_SIGNED, type Btf, BtfKind, type TypeId } from './btf.ts';
import { checkGraph } from './btf-graph.ts';
import { isIdentifier, isSectionName } from './btf-name.ts';
import { BtfRecords } from './btf-records.ts';

/** Largest blob, type id and string offset. */
const MAX_BYTES = 16 << 20;
const MAX_TYPE = 0xf_ffff;
const MAX_NAME_OFFSET = 0xff_ffff;
const HEADER_BYTES = 24;
/** Bits of `info` that mean something. */
const INFO_BITS = 0x9f00_ffff;
const INT_BITS = 0x0fff_ffff;
const INT_ENCODINGS = [0, BTF_INT_SIGNED, BTF_INT_CHAR, BTF_INT_BOOL];
const MAX_INT_BITS = 128;
const FLOAT_SIZES = [2, 4, 8, 12, 16];
const LINKAGE_GLOBAL = 1;
const KIND_FLAG_KINDS: readonly BtfKind[] = [BtfKind.Struct, BtfKind.Union, BtfKind.Enum, BtfKind.Enum64];
const FORWARD_KINDS: readonly BtfKind[] = [BtfKind.Fwd];
/** Kinds whose vlen counts what follows; that of a function is its linkage. */
const LIST_KINDS: readonly BtfKind[] = [
  BtfKind.Struct,
  BtfKind.Union,
  BtfKind.Enum,
  BtfKind.Enum64,
  BtfKind.FuncProto,
  BtfKind.Datasec,
  BtfKind.Func,
];

const enum Naming {
  /** Must be absent. */
  None = 0,
  /** An identifier, or absent. */
  Optional = 1,
  Identifier = 2,
  /** Any printable characters. */
  Section = 3,
  /** Any text that is not empty. */
  Text = 4,
  /** Not looked at. */
  Free = 5,
}

function namingOf(kind: BtfKind): Naming {
  switch (kind) {
    case BtfKind.Int:
    case BtfKind.Float:
      return Naming.Free;
    case BtfKind.Struct:
    case BtfKind.Union:
    case BtfKind.Enum:
    case BtfKind.Enum64:
      return Naming.Optional;
    case BtfKind.Fwd:
    case BtfKind.Typedef:
    case BtfKind.Func:
    case BtfKind.Var:
      return Naming.Identifier;
    case BtfKind.Datasec:
      return Naming.Section;
    case BtfKind.DeclTag:
    case BtfKind.TypeTag:
      return Naming.Text;
    default:
      return Naming.None;
  }
}

/**
 * Checks a program's BTF as the kernel does when it is loaded.
 * @throws {InputError} that names the type and what is wrong with it.
 */
export function checkBtf(btf: Btf): void {
  const records = new BtfRecords(btf);
  checkHeader(btf, records);
  for (let id = btf.firstId; id < btf.typeCount; id++) new RecordCheck(btf, records, id).check();
  checkGraph(btf, records);
}

function checkHeader(btf: Btf, records: BtfRecords): void {
  const { bytes } = btf;
  if (!btf.littleEndian) throw btf.error('BTF of the other byte order', 0);
  if (bytes.length > MAX_BYTES) throw btf.error(`${bytes.length} bytes; the kernel takes ${MAX_BYTES}`);
  if (bytes[3] !== 0) throw btf.error(`unsupported BTF flags ${bytes[3]}`, 3);
  const header = records.word(4);
  const [types, typeBytes, strings, stringBytes] = [8, 12, 16, 20].map((at) => records.word(at)) as [
    number,
    number,
    number,
    number,
  ];
  if (bytes.subarray(HEADER_BYTES, header).some((byte) => byte !== 0)) {
    throw btf.error('unsupported fields in the BTF header', HEADER_BYTES);
  }
  const first = Math.min(types, strings);
  const second = types === first ? types + typeBytes : strings + stringBytes;
  const whole = first === 0 && second === Math.max(types, strings);
  if (!whole || header + typeBytes + stringBytes !== bytes.length) {
    throw btf.error('the sections of the BTF overlap, or do not fill it', 8);
  }
  if (stringBytes - 1 > MAX_NAME_OFFSET) throw btf.error(`${stringBytes} bytes of strings`, 20);
  if (btf.typeCount - 1 > MAX_TYPE)
    throw btf.error(`${btf.typeCount - 1} types; the kernel takes ${MAX_TYPE}`);
  if (!btf.base && btf.typeCount === 1) throw btf.error('there are no types', 12);
}

/** One record. */
class RecordCheck {
  private readonly btf: Btf;
  private readonly records: BtfRecords;
  private readonly id: TypeId;
  private readonly kind: BtfKind;
  private readonly vlen: number;
  private readonly kindFlag: boolean;

  constructor(btf: Btf, records: BtfRecords, id: TypeId) {
    this.btf = btf;
    this.records = records;
    this.id = id;
    this.kind = records.kind(id);
    this.vlen = records.vlen(id);
    this.kindFlag = records.kindFlag(id);
  }

  check(): void {
    const { records, id, kind } = this;
    this.demand((records.info(id) & ~INFO_BITS) === 0, 'unknown bits in its info');
    const takesFlag = KIND_FLAG_KINDS.includes(kind) || FORWARD_KINDS.includes(kind);
    this.demand(takesFlag || !this.kindFlag, 'a kind_flag that its kind does not have');
    this.demand(LIST_KINDS.includes(kind) || this.vlen === 0, 'a vlen that its kind does not have');
    this.checkName(records.nameOffset(id), namingOf(kind));
    this.checkBody();
  }

  private checkBody(): void {
    switch (this.kind) {
      case BtfKind.Int:
        this.checkInt();
        break;
      case BtfKind.Float:
        this.demand(FLOAT_SIZES.includes(this.records.size(this.id)), 'an impossible size');
        break;
      case BtfKind.Fwd:
        this.demand(this.records.ref(this.id) === 0, 'a type where there is none');
        break;
      case BtfKind.Array:
        this.checkArray();
        break;
      case BtfKind.Struct:
      case BtfKind.Union:
        this.checkMembers();
        break;
      case BtfKind.Enum:
        this.checkEnum(8);
        break;
      case BtfKind.Enum64:
        this.checkEnum(12);
        break;
      case BtfKind.Func:
        this.demand(this.vlen <= LINKAGE_GLOBAL, `linkage ${this.vlen}`);
        break;
      case BtfKind.Datasec:
        this.checkSection();
        break;
      case BtfKind.Var:
        this.checkRef(this.records.ref(this.id), false);
        this.demand(this.records.tail(this.id, 0) <= LINKAGE_GLOBAL, 'an unsupported linkage');
        break;
      case BtfKind.DeclTag:
        this.demand((this.records.tail(this.id, 0) | 0) >= -1, 'an impossible component');
        break;
      case BtfKind.FuncProto:
        break;
      default:
        this.checkRef(this.records.ref(this.id), true);
    }
  }

  private checkInt(): void {
    const data = this.records.tail(this.id, 0);
    const bits = (data & 0xff) + ((data >>> 16) & 0xff);
    this.demand((data & ~INT_BITS) === 0, 'unknown bits in its encoding');
    this.demand(bits <= MAX_INT_BITS, `${bits} bits`);
    this.demand(Math.ceil(bits / 8) <= this.records.size(this.id), 'more bits than its size');
    this.demand(INT_ENCODINGS.includes((data >>> 24) & 0xf), 'an unsupported encoding');
  }

  private checkArray(): void {
    this.demand(this.records.size(this.id) === 0, 'a size where there is none');
    this.checkRef(this.records.tail(this.id, 0), false);
    this.checkRef(this.records.tail(this.id, 1), false);
  }

  private checkMembers(): void {
    const { records, id } = this;
    const size = records.size(id);
    let last = 0;
    for (let i = 0; i < this.vlen; i++) {
      this.checkName(records.tail(id, 3 * i), Naming.Optional);
      this.checkRef(records.tail(id, 3 * i + 1), false);
      const { offset } = records.member(id, i);
      this.demand(this.kind === BtfKind.Struct || offset === 0, `member ${i} of a union with an offset`);
      this.demand(offset >= last, `member ${i} before the one that precedes it`);
      this.demand(Math.ceil(offset / 8) <= size, `member ${i} behind its end`);
      last = offset;
    }
  }

  private checkEnum(stride: number): void {
    const size = this.records.size(this.id);
    this.demand(size > 0 && size <= 8 && (size & (size - 1)) === 0, `size ${size}`);
    for (let i = 0; i < this.vlen; i++) {
      this.checkName(this.records.tail(this.id, (stride / 4) * i), Naming.Identifier);
    }
  }

  private checkSection(): void {
    const { records, id } = this;
    const size = records.size(id);
    this.demand(size > 0, 'no size');
    let end = 0;
    for (let i = 0; i < this.vlen; i++) {
      this.checkRef(records.tail(id, 3 * i), false);
      const offset = records.tail(id, 3 * i + 1);
      const bytes = records.tail(id, 3 * i + 2);
      this.demand(offset >= end && offset < size, `variable ${i} at offset ${offset}`);
      this.demand(bytes > 0 && offset + bytes <= size, `variable ${i} of ${bytes} bytes`);
      end = offset + bytes;
    }
  }

  private checkRef(id: TypeId, mayBeVoid: boolean): void {
    this.demand((mayBeVoid || id !== 0) && id < this.btf.typeCount, `refers to type ${id}`);
  }

  private checkName(offset: number, naming: Naming): void {
    const name = this.records.nameAt(offset);
    if (name === undefined) throw this.wrong(`a name at offset ${offset}, where there is none`);
    switch (naming) {
      case Naming.None:
        this.demand(offset === 0, 'a name that its kind does not have');
        break;
      case Naming.Optional:
        this.demand(offset === 0 || isIdentifier(name), 'a bad name');
        break;
      case Naming.Identifier:
        this.demand(offset !== 0 && isIdentifier(name), 'a bad name');
        break;
      case Naming.Section:
        this.demand(isSectionName(name), 'a bad name');
        break;
      case Naming.Text:
        this.demand(name.length > 0, 'no text');
        break;
      default:
    }
  }

  private demand(good: boolean, problem: string): void {
    if (!good) throw this.wrong(problem);
  }

  private wrong(problem: string): Error {
    return this.btf.error(
      `type ${this.id} (${this.records.kindName(this.id)}): ${problem}`,
      this.btf.recordOffset(this.id),
    );
  }
}
