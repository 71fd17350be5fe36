/** func_info and line_info of the program. */
/** BTF_FUNC_* linkage of a subprogram, -1 without BTF. */
export function funcLinkage(subprog: u32): i32 {
  return -1;
}

/** First instruction of the exception callback, 0 for none, or a negative errno. */
export function exceptionCallback(): i32 {
  return 0;
}

/** Layout and order of func_info, before subprograms are known. 0 or a negative errno. */
export function checkBtfInfoEarly(): i32 {
  return 0;
}

/** func_info against the subprograms, line_info, CO-RE records. 0 or a negative errno. */
export function checkBtfInfo(): i32 {
  return 0;
}

const NO_NAME: usize = memory.data<u8>([0]);

/** Name of a subprogram, NUL-terminated; empty without func_info. */
export function subprogName(subprog: u32): usize {
  return NO_NAME;
}

/** Whether the program has func_info. */
export function hasFuncInfo(): bool {
  return false;
}
