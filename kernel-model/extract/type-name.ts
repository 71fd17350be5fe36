/** Type names as recorded layouts write them: "const struct cred *", "struct file *[64]", "u8[0]". */
import { InputError } from '../../bpf/input-error.ts';

export interface TypeName {
  /** "struct cred", "unsigned int", "u8", "void" */
  base: string;
  constant: boolean;
  /** Levels of pointers. */
  pointers: number;
  /** Elements of an array of it. */
  count: number | undefined;
}

/** @throws {InputError} for text that is no type name. */
export function parseType(text: string): TypeName {
  const match = /^(const )?([A-Za-z_][\w ]*?(?: \(anon\))?)((?: ?\*)*)(?:\[(\d+)\])?$/.exec(text);
  if (!match) throw new InputError(`cannot read the type "${text}"`);
  return {
    base: (match[2] as string).trim(),
    constant: match[1] !== undefined,
    pointers: [...(match[3] as string)].filter((char) => char === '*').length,
    count: match[4] === undefined ? undefined : Number(match[4]),
  };
}
