/** Special fields of map values: plain loads and stores must not touch them; kptrs have rules of their own. */

/** Whether an access to [off, off + size) of the value in `register` spares its special fields. */
export function checkFieldAccess(register: u32, off: i32, size: i32, direct: bool): i32 {
  return 0;
}

/** Address of the kptr field at a constant offset of a map's value, 0 for none. */
export function kptrAt(map: u32, off: i32): u32 {
  return 0;
}

/** A load or store of a kptr field. 0 or a negative errno. */
export function checkKptrAccess(register: u32, value: i32, index: i32, field: u32): i32 {
  return 0;
}
