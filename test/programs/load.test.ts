import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openProfile, profileNames } from '../../kernel-model/profile-node.ts';
import { loadObject } from '../../loader/index.ts';

const programs = new URL('../../programs/', import.meta.url);
/** The examples of what the verifier accepts and rejects are for 6.12 alone; verdicts.test.ts loads them. */
const names = readdirSync(programs, { recursive: true, encoding: 'utf8' }).filter(
  (name) => name.endsWith('.bpf.o') && !/^(accepted|rejected)\//.test(name),
);

describe.each(profileNames())('on %s', (kernel) => {
  it.each(names)('%s loads', (name) => {
    const { btf, dialect } = openProfile(kernel);
    const object = loadObject(new Uint8Array(readFileSync(new URL(name, programs))), {
      file: name,
      kernelBtf: btf,
      ksym: () => 0xffffffff80000000n,
      kconfig: new Map([['CONFIG_HZ', String(dialect.hz)]]),
    });
    expect(object.license).toBe('Dual BSD/GPL');
    expect(object.programs.length).toBeGreaterThan(0);
    for (const program of object.programs) {
      expect(program.error).toBeUndefined();
      expect(program.attachTarget?.btfId).toBeGreaterThan(0);
    }
  });
});
