/** Fusion: instruction pairs that programs are full of become one operation. */

/** Fuses what can be fused among `count` decoded instructions from `start` on. */
export function fuse(_start: u32, _count: u32): void {}
