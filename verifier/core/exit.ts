/** Exits of frames and of the program. */
import { notBuilt } from './not-built.ts';

/** 1: back in the caller at `env.insnIndex`; 0: the path is at its end; or a negative errno. */
export function checkExit(): i32 {
  return 0;
}

/** bpf_throw: the whole program ends here. 0 or a negative errno. */
export function leaveProgram(): i32 {
  return notBuilt('exceptions');
}
