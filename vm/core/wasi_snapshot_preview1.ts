/** The WASI functions in use (the file's name is the import's module name). */

/** Writes `count` iovecs (u32 offset, u32 length) to a descriptor; an errno, the bytes written at `written`. */
export declare function fd_write(descriptor: i32, vectors: u32, count: u32, written: u32): i32;
