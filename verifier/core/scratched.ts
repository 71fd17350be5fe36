/** Registers and slots that changed since the state was last printed: only those are shown. */

let registers: u32 = 0;
let slots: u64 = 0;

export function markRegScratched(register: u32): void {
  registers |= 1 << register;
}

export function markSlotScratched(slot: u32): void {
  slots |= (<u64>1) << slot;
}

export function isRegScratched(register: u32): bool {
  return ((registers >> register) & 1) !== 0;
}

export function isSlotScratched(slot: u32): bool {
  return ((slots >> slot) & 1) !== 0;
}

export function anyScratched(): bool {
  return registers !== 0 || slots !== 0;
}

export function markAllScratched(): void {
  registers = u32.MAX_VALUE;
  slots = u64.MAX_VALUE;
}

export function clearScratched(): void {
  registers = 0;
  slots = 0;
}
