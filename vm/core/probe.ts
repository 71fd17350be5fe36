/** Reads that must not fault: kernel memory directly, user memory through the host. */

import { Errno } from '../../bpf/errno.ts';
import { HostCall } from '../../bpf/vm-call.ts';
import { TASK_SIZE } from './address.ts';
import { askHost } from './kernel.ts';
import { copyFromKernel, isMapped, translate } from './ram.ts';

/** Lowest kernel address of 48-bit canonical addresses. */
const KERNEL_SPACE: u64 = 0xffff_8000_0000_0000;

/** Whether an address is one that user space could have. */
export function isUserAddress(address: u64): bool {
  return address < TASK_SIZE;
}

/** Copies kernel memory: 0, -ERANGE (a user or non-canonical address, as on x86), -EFAULT. */
export function probeKernel(to: u32, address: u64, size: u32): i32 {
  if (size === 0) return 0;
  if (address < KERNEL_SPACE) return -Errno.ERANGE;
  return copyFromKernel(to, address, size) ? 0 : -Errno.EFAULT;
}

/** Copies the current task's memory: 0 or -EFAULT. */
export function probeUser(to: u32, address: u64, size: u32): i32 {
  if (size === 0) return 0;
  return <i32>askHost(HostCall.ReadUser, 0, address, size, to, 0);
}

/**
 * Copies a NUL-terminated kernel string of at most `size` bytes, NUL included; a longer one is cut.
 * @returns bytes stored, NUL included; -ERANGE, -EFAULT
 */
export function probeKernelString(to: u32, address: u64, size: u32): i32 {
  if (size === 0) return 0;
  if (address < KERNEL_SPACE) return -Errno.ERANGE;
  let done: u32 = 0;
  while (done < size) {
    let part = min<u32>(size - done, 4096 - (<u32>(address + done) & 4095));
    let from = translate(address + done, part, false);
    if (from === 0) {
      // Either the model ends within this page, or the page has no backing and reads as zeros.
      part = 1;
      from = translate(address + done, part, false);
      if (from === 0 && !isMapped(address + done, part)) return -Errno.EFAULT;
    }
    for (let i: u32 = 0; i < part; i++, done++) {
      const byte: u8 = from === 0 ? 0 : load<u8>(from + i);
      store<u8>(to + done, byte);
      if (byte === 0) return done + 1;
    }
  }
  store<u8>(to + size - 1, 0);
  return size;
}

/** As `probeKernelString`, from the current task's memory. */
export function probeUserString(to: u32, address: u64, size: u32): i32 {
  if (size === 0) return 0;
  return <i32>askHost(HostCall.ReadUserString, 0, address, size, to, 0);
}
