/** Files besides the objects that loading selftests takes. */
import { readFileSync } from 'node:fs';
import { Btf } from '../../../bpf/btf.ts';
import { InputError } from '../../../bpf/input-error.ts';
import { ElfFile } from '../../../loader/elf.ts';

/** Types of an object, that stand in for the kernel's. @throws {InputError} when it has none. */
export function readObjectBtf(path: string): Btf {
  const section = ElfFile.parse(new Uint8Array(readFileSync(path)), path).section('.BTF');
  if (!section) throw new InputError('the object has no BTF', { file: path });
  return Btf.parse(section.data, { file: path });
}

/** What is set in a .config: name with CONFIG_ -> value as written. */
export function readKernelConfig(path: string): Map<string, string> {
  const config = new Map<string, string>();
  for (const [, name = '', value = ''] of readFileSync(path, 'utf8').matchAll(/^(CONFIG_\w+)=(.*)$/gm)) {
    config.set(name, value);
  }
  return config;
}
