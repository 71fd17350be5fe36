/** WASI's write, the way the log leaves the sandbox (WASI preview 1, fd_write). */
export declare function fd_write(fd: i32, iovs: usize, count: i32, written: usize): i32;
