/**
 * Objects that the loader has prepared, for the next dump on the same kernel. They depend on nothing of a machine but
 * where its symbols are, which is looked at again.
 */
import { type BpfObject, type LoadOptions, loadObject } from '../../loader/index.ts';

interface Prepared {
  readonly object: BpfObject;
  readonly kernel: LoadOptions['kernelBtf'];
  readonly cpus: number | undefined;
  readonly programs: string;
  readonly symbols: ReadonlyMap<string, ReturnType<NonNullable<LoadOptions['ksym']>>>;
}

const known = new WeakMap<Uint8Array, Prepared[]>();

/** As loadObject, for bytes that nobody changes. @throws {InputError} */
export function loadOnce(bytes: Uint8Array, options: LoadOptions): BpfObject {
  const all = known.get(bytes) ?? [];
  known.set(bytes, all);
  const found = all.find((prepared) => fits(prepared, options));
  if (found) return found.object;
  const symbols = new Map<string, ReturnType<NonNullable<LoadOptions['ksym']>>>();
  const ksym = (name: string) => {
    const address = options.ksym?.(name);
    symbols.set(name, address);
    return address;
  };
  const object = loadObject(bytes, { ...options, ksym });
  const { kernelBtf: kernel, possibleCpus: cpus } = options;
  all.push({ object, kernel, cpus, programs: namesOf(options), symbols });
  return object;
}

function fits({ kernel, cpus, programs, symbols }: Prepared, options: LoadOptions): boolean {
  if (kernel !== options.kernelBtf || cpus !== options.possibleCpus || programs !== namesOf(options))
    return false;
  return [...symbols].every(([name, address]) => options.ksym?.(name) === address);
}

function namesOf({ programs }: LoadOptions): string {
  return typeof programs === 'string' ? programs : (programs?.join(' ') ?? '');
}
