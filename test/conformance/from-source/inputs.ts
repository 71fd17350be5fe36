/** Files besides the objects that loading selftests takes. */
import { readFileSync } from 'node:fs';
import { Btf } from '../../../bpf/btf.ts';
import { InputError } from '../../../bpf/input-error.ts';
import { parseKernelConfig } from '../../../kernel-model/kernel-config.ts';
import { ElfFile } from '../../../loader/elf.ts';

/** Types of an object, that stand in for the kernel's. @throws {InputError} when it has none. */
export function readObjectBtf(path: string): Btf {
  const section = ElfFile.parse(new Uint8Array(readFileSync(path)), path).section('.BTF');
  if (!section) throw new InputError('the object has no BTF', { file: path });
  return Btf.parse(section.data, { file: path });
}

/** What is set in a .config file. */
export function readKernelConfig(path: string): Map<string, string> {
  return parseKernelConfig(readFileSync(path, 'utf8'));
}
