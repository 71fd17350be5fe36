/** Helper prototypes. */
export function helperChangesPacket(id: i32): bool {
  return false;
}
