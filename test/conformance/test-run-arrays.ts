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

/** Programs that call one another through their arrays until the limit. */
const HIERARCHY_2: readonly Slot[] = [
  { map: 'jmp_table', index: 0, program: 'classifier_0' },
  { map: 'jmp_table', index: 1, program: 'classifier_1' },
];
const HIERARCHY_3: readonly Slot[] = [
  { map: 'jmp_table0', index: 0, program: 'classifier_0' },
  // A map of classifier_0, which the slot above has loaded.
  { map: 'jmp_table1', index: 0, program: 'classifier_0' },
];

const ARRAYS: ReadonlyMap<string, readonly Slot[]> = new Map([
  ['verifier_map_ptr_mixing', SOCKET_ARRAYS],
  ['verifier_runtime_jit', SOCKET_ARRAYS],
  ['tailcall_bpf2bpf_hierarchy2', HIERARCHY_2],
  ['tailcall_bpf2bpf_hierarchy3', HIERARCHY_3],
]);

/** @param name object/program */
export function arraySlots(name: string): readonly Slot[] {
  return ARRAYS.get(name.split('/')[0] ?? '') ?? [];
}

/** Whether a program stands in an array of its object. */
export function isInArray(name: string): boolean {
  return arraySlots(name).some(({ program }) => name === sibling(name, program));
}

/** Name of a program of the same object. */
export function sibling(name: string, program: string): string {
  return `${name.split('/')[0]}/${program}`;
}
