/** trace_pipe: lines leave through WASI's stdout, buffered, since a descriptor write is slow. */
import { fd_write } from './wasi_snapshot_preview1.ts';

const STDOUT: i32 = 1;
const CAPACITY: u32 = 8192;

const buffer: u32 = <u32>memory.data(CAPACITY);
/** An iovec (offset, length) and the count of bytes written. */
const vector: u32 = <u32>memory.data(12, 4);
let length: u32 = 0;

/** Appends bytes from a linear offset. */
export function traceBytes(from: u32, count: u32): void {
  while (count > 0) {
    if (length === CAPACITY) flushTrace();
    const part = min<u32>(count, CAPACITY - length);
    memory.copy(buffer + length, from, part);
    length += part;
    from += part;
    count -= part;
  }
}

/** Hands what is buffered to WASI. */
export function flushTrace(): void {
  let from = buffer;
  while (length > 0) {
    store<u32>(vector, from);
    store<u32>(vector, length, 4);
    const error = fd_write(STDOUT, vector, 1, vector + 8);
    const written = load<u32>(vector, 8);
    // A closed or full stdout loses the trace; the run does not depend on it.
    if (error !== 0 || written === 0) break;
    from += written;
    length -= min<u32>(written, length);
  }
  length = 0;
}
