/** What the arguments of the helper call being checked have told so far. */

@unmanaged
export class CallMeta {
  /** Largest size an argument can have, for results that are sizes. */
  sizeMax: u64;
  helper: i32;
  /** Map passed (or found behind another argument), and which one of several inner maps. */
  map: u32;
  mapUid: u32;
  /** Memory that the helper writes without reading: register and bytes, 0 for none. */
  writtenRegister: u32;
  writtenBytes: u32;
  /** Reference that an argument carries. */
  refId: u32;
  /** Register whose reference is released, 0 for none. */
  released: u32;
  /** Bytes of the memory that is returned. */
  memSize: u32;
  /** Subprogram of a callback argument. */
  callee: u32;
  /** Type behind a per-CPU argument. */
  retBtf: u32;
  retBtfId: u32;
  dynptrId: u32;
  /** Field that bpf_kptr_xchg swaps. */
  kptrField: u32;
  /** The memory argument just seen may be uninitialised. */
  raw: bool;
  /** The helper takes pointers into the packet. */
  packet: bool;
  pad: u16;
}

const META_SIZE: u32 = 72;

export const meta: CallMeta = changetype<CallMeta>(memory.data(72, 8));

export function metaReset(): void {
  memory.fill(changetype<usize>(meta), 0, META_SIZE);
}
