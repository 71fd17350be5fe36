/** Callbacks: which calls make the kernel call a function of the program. */
/** Whether the call runs a callback before it returns. */
export function callsSyncCallback(index: i32): bool {
  return false;
}

/** Whether the call arranges for a callback to run later. */
export function callsAsyncCallback(index: i32): bool {
  return false;
}
