/** Instructions as the log shows them. The host's disassembler makes the texts; see `Request.InsnTexts`. */
import { Request } from '../abi.ts';
import * as env from './env.ts';
import { putByte, putBytes } from './log.ts';

/** Writes "(85) call bpf_map_lookup_elem#1" and ends the line. */
export function printInsn(index: i32): void {
  const texts = <usize>env.requestWord(Request.InsnTexts);
  if (texts !== 0) putBytes(<usize>load<u32>(texts + ((<usize>index) << 2)));
  putByte(0x0a);
}
