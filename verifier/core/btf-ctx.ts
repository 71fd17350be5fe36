/** Contexts that are the arguments of a kernel function, typed by its BTF. */

/** Whether the access is a permitted argument of the attach target; sets what it gives (`setCtxResult`). */
export function checkBtfCtx(off: i32, size: u32, write: bool): bool {
  return false;
}
