/** The format on a page. docs/assembly.md says more. */
import type { JSX } from 'preact';

const DIRECTIVES: readonly (readonly [code: string, meaning: string])[] = [
  ['.type xdp', 'type of the program, as libbpf names sections: tc, socket, iter/task, kprobe/x …'],
  ['.license GPL', 'some helpers are for GPL programs only'],
  ['.flags sleepable', 'flags of BPF_PROG_LOAD'],
  ['.map NAME hash key 4 value 8 entries 16', 'a map; further words: flags, extra, inner NAME, frozen'],
  ['.data NAME "text\\0"', 'what the value of a map begins with'],
  ['.kfunc NAME', 'a function of the kernel that the program calls'],
];

const INSTRUCTIONS: readonly (readonly [code: string, meaning: string])[] = [
  ['r1 = 5, w1 += r2', 'r0 to r10 have 64 bits, w0 to w10 are their lower halves; r10 is the stack'],
  ['r1 = 5 ll, r1 = 0x5', 'a constant of 64 bits, in two slots'],
  ['r1 = *(u32 *)(r2 + 8)', 'a load; s8, s16, s32 extend the sign'],
  ['*(u64 *)(r10 - 8) = r1', 'a store'],
  ['r1 = map[NAME], r1 = map[NAME][0]+8', 'address of a map, of a place in its value'],
  ['if r1 s> 3 goto LABEL', '== != > >= < <= s> s>= s< s<= &'],
  ['call bpf_map_lookup_elem', 'a helper; call LABEL calls a function of the program'],
  ['r2 = subprog[LABEL]', 'address of a function, for bpf_loop and the like'],
  ['lock *(u64 *)(r1 + 0) += r2', 'atomic'],
  ['r3 = be16 r3', 'byte order'],
  ['exit', 'return r0'],
];

export function SyntaxHelp(): JSX.Element {
  return (
    <details class="assembly-help">
      <summary>Syntax</summary>
      <p>
        One instruction a line, as a verifier log prints it; lines of a log can be pasted. Comments begin with{' '}
        <code>;</code> or <code>{'//'}</code>, labels end with a colon.
      </p>
      <Table title="Directives" rows={DIRECTIVES} />
      <Table title="Instructions" rows={INSTRUCTIONS} />
      <p>
        Ctrl-Space completes, Ctrl-K Ctrl-I explains the instruction, F8 goes to the next error, Ctrl-Shift-M
        lists errors; Tab leaves the editor.
      </p>
    </details>
  );
}

function Table(props: {
  title: string;
  rows: readonly (readonly [code: string, meaning: string])[];
}): JSX.Element {
  return (
    <table>
      <caption>{props.title}</caption>
      <tbody>
        {props.rows.map(([code, meaning]) => (
          <tr key={code}>
            <th scope="row">
              <code>{code}</code>
            </th>
            <td>{meaning}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
