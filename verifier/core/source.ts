/** Source lines between the instructions of the log, each shown once in a row. */
import { LineField, Request } from '../abi.ts';
import { stringAt } from './btf.ts';
import * as env from './env.ts';
import { putBytes, putString, say } from './log.ts';

const SLASH: u32 = 0x2f;

/** Line record shown last. */
let shown: usize = 0;

export function sourceReset(): void {
  shown = 0;
}

/** Record of the line that instruction `index` belongs to, 0 when the program has no line info. */
function lineOf(index: i32): usize {
  const count = env.requestWord(Request.LineInfoCount);
  if (count === 0 || <u32>index >= env.insnCount) return 0;
  const lines = <usize>env.requestWord(Request.LineInfo);
  let low: u32 = 0;
  let high: u32 = count - 1;
  while (low < high) {
    const middle = low + (high - low + 1) / 2;
    if (load<u32>(lines + middle * LineField.Size, LineField.Insn) <= <u32>index) low = middle;
    else high = middle - 1;
  }
  return lines + low * LineField.Size;
}

function sameLine(a: usize, b: usize): bool {
  return (
    load<u32>(a, LineField.FileName) === load<u32>(b, LineField.FileName) &&
    load<u32>(a, LineField.Line) === load<u32>(b, LineField.Line)
  );
}

/** Whether the line of an instruction is not the one shown last; it counts as shown then. */
function takeLine(index: i32): usize {
  const line = lineOf(index);
  if (line === 0 || line === shown || (shown !== 0 && sameLine(shown, line))) return 0;
  shown = line;
  return line;
}

/** White space as the kernel's tables have it. */
function isSpace(byte: u32): bool {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d) || byte === 0xa0;
}

/** "text @ file.c:12": leading blanks cut, the file without its folder. */
function putLine(line: usize): void {
  const btf = env.requestWord(Request.ProgBtf);
  let text = stringAt(btf, load<u32>(line, LineField.Source));
  while (isSpace(load<u8>(text))) text++;
  putBytes(text);
  const path = stringAt(btf, load<u32>(line, LineField.FileName));
  let file = path;
  for (let at = path; load<u8>(at) !== 0; at++) {
    if (load<u8>(at) === SLASH) file = at + 1;
  }
  putString(' @ ');
  putBytes(file);
  say(':%d\n', load<u32>(line, LineField.Line));
}

/** Shows the source line of an instruction, unless it was shown last. */
export function printLine(index: i32): void {
  const line = takeLine(index);
  if (line === 0) return;
  putString('; ');
  putLine(line);
}

/** The same behind the instruction's number, as messages about the control flow have it. */
export function printNumberedLine(index: i32): void {
  const line = takeLine(index);
  if (line === 0) return;
  say('%d: ', index);
  putLine(line);
}
