/** Logs of two machines, made comparable. */
import { Class, Mode, Pseudo, Size } from '../bpf/isa.ts';

/** An address is in the kernel, or (of an arena) where a process has its mappings. */
const ADDRESS_LOAD = /(\d+): \(18\) r(\d+) = 0x([0-9a-f]{16}|7f[0-9a-f]{10})(?![0-9a-f])/g;
const TIME = /^verification time \d+ usec$/gm;
const SLOT = 8;
const LD_IMM64 = Class.Ld | Mode.Imm | Size.Dw;

/**
 * Takes out of a log, or of some lines of it, what differs from boot to boot: the addresses of maps and of the
 * kernel's symbols (only where the program loads one: a constant that looks alike stays), and the time it took.
 * Addresses keep their width.
 *
 * @param insns the program's instructions, as requested.
 */
export function withoutBootFacts(insns: Uint8Array, log: string): string {
  return log
    .replace(ADDRESS_LOAD, (text, slot: string, register: string, address: string) =>
      loadsAddress(insns, Number(slot))
        ? `${slot}: (18) r${register} = 0x${'x'.repeat(address.length)}`
        : text,
    )
    .replace(TIME, 'verification time N usec');
}

function loadsAddress(insns: Uint8Array, slot: number): boolean {
  const src = (insns[slot * SLOT + 1] ?? 0) >> 4;
  return insns[slot * SLOT] === LD_IMM64 && src !== Pseudo.None && src !== Pseudo.Func;
}
