/** Functions of a test that stand in for helpers and kfuncs. */
import { type Btf, BtfKind } from '../bpf/btf.ts';
import { helperId, helperName, LAST_HELPER } from '../bpf/helpers.ts';
import { InputError } from '../bpf/input-error.ts';
import { whatThereIs } from '../loader/near-names.ts';
import type { Vm } from '../vm/index.ts';

/**
 * Gets r1..r5 as unsigned 64-bit numbers; whatever the call does not pass is left over in its register. What it
 * returns is r0, undefined is 0. What it throws ends the run and comes out of it.
 */
export type Mock = (...args: bigint[]) => bigint | number | undefined;

/** By the name of the helper or kfunc: "bpf_ktime_get_ns". */
export type Mocks = Readonly<Record<string, Mock>>;

/** What may be mocked in a kernel. */
export interface MockableNames {
  /** Helpers whose id means something else there: id -> name. */
  readonly helpers: { readonly [id: string]: string };
  /** Types of the kernel and its modules, in which kfuncs are looked for. */
  readonly btfs: readonly Btf[];
}

/**
 * @returns numbers to call what is mocked by
 * @throws {InputError} for a name that neither a helper nor a function of the kernel has.
 */
export function installMocks(vm: Vm, mocks: Mocks, names: MockableNames): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>();
  for (const [name, mock] of Object.entries(mocks)) {
    checkName(name, names);
    const number = vm.numberMock(name, (call) => mock(...ARGS.map((index) => call.arg(index))) ?? 0);
    numbers.set(name, number);
  }
  return numbers;
}

const ARGS = [1, 2, 3, 4, 5] as const;

function checkName(name: string, { helpers, btfs }: MockableNames): void {
  const own = Object.values(helpers);
  if (helperId(name) !== undefined || own.includes(name)) return;
  if (btfs.some((btf) => btf.find(name, BtfKind.Func) !== 0)) return;
  const known = Array.from({ length: LAST_HELPER }, (_, id) => helperName(id + 1) ?? '');
  const hint = whatThereIs(name, [...known, ...own]);
  throw new InputError(`mock '${name}': there is no helper or kernel function of that name; ${hint}`);
}
