/** The types of programs and maps, checked as BPF_BTF_LOAD checks them. */
import { Btf } from '../bpf/btf.ts';
import { checkBtf } from '../bpf/btf-check.ts';
import { InputError } from '../bpf/input-error.ts';
import type { LoadRequest } from './load-request.ts';
import { Refusal } from './refusal.ts';

const EINVAL = 22;

export class ProgramBtfs {
  /** The last one: the programs of an object share theirs. */
  private last: Btf | undefined;

  /** @throws {Refusal} when the kernel would not take it. */
  open(bytes: Uint8Array): Btf {
    if (this.last && sameBytes(this.last.bytes, bytes)) return this.last;
    // a copy: callers may go on writing to theirs
    const btf = parse(new Uint8Array(bytes));
    this.last = btf;
    return btf;
  }
}

function parse(bytes: Uint8Array): Btf {
  return refusing(() => {
    const btf = Btf.parse(bytes);
    checkBtf(btf);
    return btf;
  });
}

/** What the kernel finds fault with when BTF is loaded, as the errno of that. */
export function refusing<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof InputError) throw new Refusal(EINVAL, `the program's BTF: ${error.message}`);
    throw error;
  }
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The program's own types as far as they can be read, to tell about it; undefined without, or when they are malformed. */
export function requestBtf({ progBtf }: Pick<LoadRequest, 'progBtf'>): Btf | undefined {
  if (!progBtf) return undefined;
  try {
    return Btf.parse(progBtf);
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}
