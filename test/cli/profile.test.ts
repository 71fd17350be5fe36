/** drydock profile as a user meets it. Needs `npm run build`. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Btf, BtfKind } from '../../bpf/btf.ts';
import { BtfWriter } from '../../bpf/btf-writer.ts';
import { openKernelConfig, openModules, openProfile } from '../../kernel-model/profile-node.ts';
import { EXTRACTED_FILES, HAND_FILES } from '../../kernel-model/verifier-data.ts';
import { FORMS, gzipImage, type SymbolForm } from '../kernel-model/kernel-builder.ts';
import { TYPES, tinyKernel } from '../kernel-model/tiny-kernel.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const main = join(root, 'dist', 'cli', 'main.js');
const FORM = FORMS[0] as SymbolForm;

let folder: string;
beforeAll(() => {
  if (!existsSync(main)) throw new Error('dist/ is missing: run npm run build');
  folder = mkdtempSync(join(tmpdir(), 'drydock-profile-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function drydock(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'profile', ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('drydock profile list', () => {
  it('names the built-in kernels and what they are good for', () => {
    const { status, stdout } = drydock('list');
    expect(stdout).toMatch(/^5\.16\+series +Linux 5\.16\S* +runs$/m);
    expect(stdout).toMatch(/^6\.1 +Linux 6\.1\.\d+ +runs and verifies$/m);
    expect(stdout).toMatch(/^6\.12 +Linux 6\.12\.117 +runs and verifies$/m);
    expect(status).toBe(0);
  });

  it('gives one JSON record a line', () => {
    const { stdout } = drydock('list', '--json');
    const records = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string });
    expect(records.map(({ name }) => name)).toContain('6.12');
    expect(records.find(({ name }) => name === '6.12')).toEqual({
      name: '6.12',
      release: '6.12.117',
      btf_types: 107331,
      verifier: true,
    });
  });
});

describe('drydock profile show', () => {
  it('tells what a profile holds', () => {
    const { status, stdout } = drydock('show', '6.12', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      helpers: 211,
      prototypes: 271,
      map_types: 33,
      program_types: 31,
      iterators: expect.arrayContaining(['task_file', 'bpf_map_elem']),
      unknown: [],
    });
    expect(status).toBe(0);
    expect(drydock('show', '6.12').stdout).toMatch(/^helpers +211, with 271 prototypes$/m);
  });

  it('refuses what is no profile', () => {
    expect(drydock('show', '2.4')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('unknown kernel "2.4"'),
    });
    expect(drydock('show', `${folder}/nothing`)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('dialect.json is missing'),
    });
  });
});

describe('drydock profile add', () => {
  const { bytes } = openProfile('6.12').vmlinux;
  const write = (name: string, content: Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };

  it('makes a profile from an image, the same bytes each time', () => {
    const image = write('vmlinuz', gzipImage(tinyKernel(() => {}, bytes).elf(FORM)));
    const [one, two] = [join(folder, 'one'), join(folder, 'two')] as const;
    const { status, stdout, stderr } = drydock('add', image, '-o', one);
    expect(stderr).toBe(`== ${one}: Linux 6.12.117+tiny, hand-made tables from 6.12\n${NOTES}`);
    expect(stdout).toMatch(/^kernel +Linux 6\.12\.117$/m);
    expect(stdout).toMatch(/^helpers +211, with 4 prototypes$/m);
    expect(status).toBe(0);
    expect(readdirSync(one).sort()).toEqual(
      [...EXTRACTED_FILES, ...HAND_FILES, 'SOURCE.md', 'btf.bin.gz', 'dialect.json', 'symbols.txt.gz'].sort(),
    );
    expect(gunzipSync(readFileSync(join(one, 'btf.bin.gz'))).equals(Buffer.from(bytes))).toBe(true);
    // over itself, and elsewhere
    expect(drydock('add', image, '-o', one).status).toBe(0);
    expect(drydock('add', image, '-o', two).status).toBe(0);
    for (const file of readdirSync(one)) {
      expect(readFileSync(join(one, file)).equals(readFileSync(join(two, file)))).toBe(true);
    }
    const shown = JSON.parse(drydock('show', one, '--json').stdout) as object;
    expect(shown).toMatchObject({ name: 'one', release: '6.12.117', prototypes: 4, verifier: true });
  });

  it('adds the types of modules: packed files, plain BTF, whole directories', () => {
    const image = write('vmlinuz', gzipImage(tinyKernel(() => {}, bytes).elf(FORM)));
    const vmlinux = openProfile('6.12').vmlinux;
    const types = (struct: string) => {
      const writer = new BtfWriter(vmlinux);
      writer.struct(struct, 4, []);
      return writer.bytes();
    };
    mkdirSync(join(folder, 'kernel', 'net'), { recursive: true });
    write('kernel/net/first-module.ko.gz', gzipSync(moduleFile({ '.BTF': types('of_first') })));
    write(
      'kernel/second.ko',
      moduleFile({ '.BTF': types('of_second'), '.modinfo': new TextEncoder().encode('a=b\0name=deux\0') }),
    );
    write('kernel/untyped.ko', moduleFile({ '.modinfo': new Uint8Array(1) }));
    const plain = write('third', types('of_third'));
    const out = join(folder, 'with-modules');
    const { status, stdout, stderr } = drydock(
      'add',
      image,
      '-o',
      out,
      '--modules',
      join(folder, 'kernel'),
      plain,
    );
    expect(stderr).toContain('note: left out:');
    expect(stderr).toContain('untyped.ko: the module has no type information');
    expect(stdout).toMatch(/^modules +deux first_module third$/m);
    expect(status).toBe(0);
    const btf = Btf.parse(openModules(out).get('deux') ?? new Uint8Array(), { base: vmlinux });
    expect(btf.find('of_second', BtfKind.Struct)).toBeGreaterThan(0);
    expect(JSON.parse(drydock('show', out, '--json').stdout)).toMatchObject({
      modules: ['deux', 'first_module', 'third'],
    });
    const bad = drydock(
      'add',
      image,
      '-o',
      join(folder, 'new'),
      '--modules',
      join(folder, 'kernel', 'untyped.ko'),
    );
    expect(bad.status).toBe(2);
    expect(existsSync(join(folder, 'new'))).toBe(false);
  });

  it('adds the configuration that CONFIG_ externs of programs get', () => {
    const image = write('vmlinuz', gzipImage(tinyKernel(() => {}, bytes).elf(FORM)));
    const config = write('config', new TextEncoder().encode('# comment\nCONFIG_HZ=100\nCONFIG_NAME="a b"\n'));
    const out = join(folder, 'with-config');
    expect(drydock('add', image, '-o', out, '--config', config).status).toBe(0);
    expect(openKernelConfig(out)).toEqual(
      new Map([
        ['CONFIG_HZ', '100'],
        ['CONFIG_NAME', '"a b"'],
      ]),
    );
    const bad = drydock('add', image, '-o', join(folder, 'new'), '--config', image);
    expect(bad).toMatchObject({ status: 2, stderr: expect.stringContaining('no kernel configuration') });
    expect(existsSync(join(folder, 'new'))).toBe(false);
  });

  it('refuses what is no kernel, and does not write into other directories', () => {
    const text = write('notes.txt', new TextEncoder().encode('x'.repeat(1000)));
    expect(drydock('add', text, '-o', join(folder, 'new'))).toMatchObject({
      status: 2,
      stdout: '',
      stderr: `drydock: ${text}, offset 0x202: neither an x86 boot image (vmlinuz) nor an ELF file\n`,
    });
    expect(existsSync(join(folder, 'new'))).toBe(false);
    expect(drydock('add', text, '-o', folder).stderr).toContain('holds other things than a kernel profile');
    expect(drydock('add', join(folder, 'none'), '-o', join(folder, 'new')).stderr).toContain(
      'there is no such file',
    );
    expect(drydock('add', text).status).toBe(2);
  });

  it('refuses a kernel without the types of the modelled world', () => {
    const image = write('tiny', tinyKernel(() => {}, TYPES).elf(FORM));
    const { status, stderr } = drydock('add', image, '-o', join(folder, 'new'));
    expect(stderr).toContain('which the io_uring and epoll iterators need');
    expect(status).toBe(2);
    expect(existsSync(join(folder, 'new'))).toBe(false);
  });
});

/** An ELF64 file with these sections. */
function moduleFile(sections: Record<string, Uint8Array>): Uint8Array {
  const names = ['', ...Object.keys(sections), '.shstrtab'];
  const strings = new TextEncoder().encode(`${names.join('\0')}\0`);
  const contents = [new Uint8Array(), ...Object.values(sections), strings];
  const starts: number[] = [];
  let end = 64;
  for (const content of contents) {
    starts.push(end);
    end += content.length;
  }
  const bytes = new Uint8Array(end + 64 * names.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x7f45_4c46, false);
  bytes.set([2, 1, 1], 4);
  view.setUint16(18, 62, true);
  view.setBigUint64(40, BigInt(end), true);
  view.setUint16(58, 64, true);
  view.setUint16(60, names.length, true);
  view.setUint16(62, names.length - 1, true);
  contents.forEach((content, i) => {
    const header = end + 64 * i;
    bytes.set(content, starts[i]);
    view.setUint32(header, names.slice(0, i).join('\0').length + (i > 0 ? 1 : 0), true);
    view.setBigUint64(header + 24, BigInt(starts[i] ?? 0), true);
    view.setBigUint64(header + 32, BigInt(content.length), true);
  });
  return bytes;
}

/** The tiny kernel's kfunc sets are its own. */
const NOTES = 'note: not in both kernels: common_ids\nnote: not in both kernels: some_kfunc_ids\n';
