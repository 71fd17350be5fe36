/**
 * What arenas of recorded objects hold from the start: libbpf copies their variables in, which the kernel's answers
 * do not show. By object: bytes of section .addr_space.1.
 */
const VARIABLES: ReadonlyMap<string, number> = new Map([
  // `page`, an array of 100 pointers
  ['verifier_arena_large', 800],
]);

/** BPF_MAP_TYPE_ARENA */
const ARENA = 33;

/** @param name object/program */
export function arenaVariables(name: string, mapType: number): Uint8Array | undefined {
  const size = mapType === ARENA ? VARIABLES.get(name.split('/')[0] ?? '') : undefined;
  return size === undefined ? undefined : new Uint8Array(size);
}
