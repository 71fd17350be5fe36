/** `struct io_uring_sqe`: one submission entry, as the kernel reads it and as user space writes it. */

/** Members by their common names; of members that share a place, the most general one. */
export interface SqeFields {
  /** IORING_OP_* */
  opcode?: number;
  /** IOSQE_* */
  flags?: number;
  ioprio?: number;
  fd?: number;
  /** File offset, `addr2`. */
  offset?: bigint;
  address?: bigint;
  length?: number;
  /** `rw_flags`, `poll32_events`, `timeout_flags`, `cancel_flags`, `msg_ring_flags`, `nop_flags`, `open_flags`. */
  opFlags?: number;
  userData?: bigint;
  /** `buf_index` or `buf_group`. */
  buffer?: number;
  personality?: number;
  /** `splice_fd_in`, `file_index`. */
  fileIndex?: number;
  address3?: bigint;
}

const enum At {
  Opcode = 0,
  Flags = 1,
  IoPrio = 2,
  Fd = 4,
  Offset = 8,
  Address = 16,
  Length = 24,
  OpFlags = 28,
  UserData = 32,
  Buffer = 40,
  Personality = 42,
  FileIndex = 44,
  Address3 = 48,
  Pad = 56,
}

/** A private copy of an entry: user space may change the original at any time. */
export class Sqe {
  private readonly view: DataView;

  /** @param bytes 64 of them, which are copied. */
  constructor(bytes: Uint8Array) {
    const copy = bytes.slice();
    this.view = new DataView(copy.buffer, 0, copy.length);
  }

  get opcode(): number {
    return this.view.getUint8(At.Opcode);
  }
  get flags(): number {
    return this.view.getUint8(At.Flags);
  }
  get ioprio(): number {
    return this.view.getUint16(At.IoPrio, true);
  }
  get fd(): number {
    return this.view.getInt32(At.Fd, true);
  }
  get offset(): bigint {
    return this.view.getBigUint64(At.Offset, true);
  }
  get address(): bigint {
    return this.view.getBigUint64(At.Address, true);
  }
  get length(): number {
    return this.view.getUint32(At.Length, true);
  }
  get opFlags(): number {
    return this.view.getUint32(At.OpFlags, true);
  }
  get userData(): bigint {
    return this.view.getBigUint64(At.UserData, true);
  }
  get buffer(): number {
    return this.view.getUint16(At.Buffer, true);
  }
  get personality(): number {
    return this.view.getUint16(At.Personality, true);
  }
  get fileIndex(): number {
    return this.view.getUint32(At.FileIndex, true);
  }
  get address3(): bigint {
    return this.view.getBigUint64(At.Address3, true);
  }
  /** The word behind `addr3`, which must be zero. */
  get padding(): bigint {
    return this.view.getBigUint64(At.Pad, true);
  }
}

/** An entry's 64 bytes. */
export function encodeSqe(fields: SqeFields): Uint8Array {
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  view.setUint8(At.Opcode, fields.opcode ?? 0);
  view.setUint8(At.Flags, fields.flags ?? 0);
  view.setUint16(At.IoPrio, fields.ioprio ?? 0, true);
  view.setInt32(At.Fd, fields.fd ?? 0, true);
  view.setBigUint64(At.Offset, fields.offset ?? 0n, true);
  view.setBigUint64(At.Address, fields.address ?? 0n, true);
  view.setUint32(At.Length, fields.length ?? 0, true);
  view.setUint32(At.OpFlags, fields.opFlags ?? 0, true);
  view.setBigUint64(At.UserData, fields.userData ?? 0n, true);
  view.setUint16(At.Buffer, fields.buffer ?? 0, true);
  view.setUint16(At.Personality, fields.personality ?? 0, true);
  view.setUint32(At.FileIndex, fields.fileIndex ?? 0, true);
  view.setBigUint64(At.Address3, fields.address3 ?? 0n, true);
  return bytes;
}
