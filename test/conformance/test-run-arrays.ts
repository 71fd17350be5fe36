/** What prog arrays of recorded objects hold from the start: libbpf fills them as the source says. */
interface Slot {
  /** Name as the kernel has it: 15 characters. */
  readonly map: string;
  readonly index: number;
  /** Program of the same object. */
  readonly program: string;
}

/** `map_prog1_socket` and `map_prog2_socket`, which several objects declare alike. */
const SOCKET_ARRAYS: readonly Slot[] = [
  { map: 'map_prog1_socke', index: 0, program: 'dummy_prog_42_socket' },
  { map: 'map_prog1_socke', index: 1, program: 'dummy_prog_loop1_socket' },
  { map: 'map_prog1_socke', index: 2, program: 'dummy_prog_24_socket' },
  { map: 'map_prog2_socke', index: 1, program: 'dummy_prog_loop2_socket' },
  { map: 'map_prog2_socke', index: 2, program: 'dummy_prog_24_socket' },
  { map: 'map_prog2_socke', index: 7, program: 'dummy_prog_42_socket' },
];

const ARRAYS: ReadonlyMap<string, readonly Slot[]> = new Map([
  ['verifier_map_ptr_mixing', SOCKET_ARRAYS],
  ['verifier_runtime_jit', SOCKET_ARRAYS],
]);

/** @param name object/program */
export function arraySlots(name: string): readonly Slot[] {
  return ARRAYS.get(name.split('/')[0] ?? '') ?? [];
}

/** Name of a program of the same object. */
export function sibling(name: string, program: string): string {
  return `${name.split('/')[0]}/${program}`;
}
