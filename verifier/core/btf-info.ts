/** func_info and line_info of the program. */
/** BTF_FUNC_* linkage of a subprogram, -1 without BTF. */
export function funcLinkage(subprog: u32): i32 {
  return -1;
}

/** First instruction of the exception callback, 0 for none, or a negative errno. */
export function exceptionCallback(): i32 {
  return 0;
}
