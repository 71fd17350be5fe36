/** Directories of images: what is written is all there, what is read was checked; and all that goes wrong. */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { readImages, writeImages } from '../../checkpoint/image/directory.ts';
import { type ImageFs, nodeFs } from '../../checkpoint/image/image-fs.ts';
import { encodeImage } from '../../checkpoint/image/index.ts';
import { MANIFEST } from '../../checkpoint/image/manifest.ts';

let base = '';
let target = '';

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'drydock-images-'));
  target = join(base, 'images');
});

afterEach(() => {
  rmSync(base, { recursive: true, force: true });
});

function someFiles(pid = 100): Map<string, Uint8Array> {
  return new Map([
    ['pstree.img', encodeImage('PSTREE', [{ pid, ppid: 0, pgid: pid, sid: pid }])],
    ['inventory.img', encodeImage('INVENTORY', [{ img_version: 2 }])],
    ['pages-1.img', new Uint8Array(4096).fill(7)],
    ['files.img', encodeImage('FILES', [])],
  ]);
}

function failure(action: () => unknown): InputError {
  try {
    action();
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const readFailure = () => failure(() => readImages(target));

/** Names beside the directory: nothing may be left of a failed write. */
const beside = () => readdirSync(base).sort();

describe('a directory of images', () => {
  it('is read as it was written', () => {
    writeImages(target, someFiles());
    expect(readImages(target)).toEqual(new Map([...someFiles()].sort()));
    expect(beside()).toEqual(['images']);
  });

  it('has the same bytes whatever the order of the files', () => {
    writeImages(target, someFiles());
    writeImages(join(base, 'again'), new Map([...someFiles()].reverse()));
    for (const name of readdirSync(target)) {
      expect(readFileSync(join(target, name)).equals(readFileSync(join(base, 'again', name)))).toBe(true);
    }
  });

  it('may be an empty one that is there', () => {
    mkdirSync(target);
    writeImages(target, someFiles());
    expect(readImages(target).size).toBe(4);
  });

  it('is replaced only by force, and only when it is one of images', () => {
    writeImages(target, someFiles());
    expect(failure(() => writeImages(target, someFiles(5))).message).toMatch(/is there; .* only by force$/);
    expect(readImages(target)).toEqual(new Map([...someFiles()].sort()));
    writeImages(target, someFiles(5), { force: true });
    expect(readImages(target)).toEqual(new Map([...someFiles(5)].sort()));
    expect(beside()).toEqual(['images']);
  });

  it('replaces nothing else', () => {
    mkdirSync(target);
    writeFileSync(join(target, 'thesis.txt'), 'x');
    expect(failure(() => writeImages(target, someFiles(), { force: true })).message).toMatch(
      /is no directory of images: not replaced$/,
    );
    rmSync(target, { recursive: true });
    writeImages(target, someFiles());
    writeFileSync(join(target, 'thesis.txt'), 'x');
    expect(failure(() => writeImages(target, someFiles(), { force: true })).message).toMatch(
      /holds thesis\.txt, which is no image: not replaced$/,
    );
    const file = join(base, 'file');
    writeFileSync(file, 'x');
    expect(failure(() => writeImages(file, someFiles(), { force: true })).message).toMatch(
      /is there, and is no directory$/,
    );
    expect(readFileSync(file, 'utf8')).toBe('x');
  });

  it('takes only images', () => {
    const named = (name: string, bytes: Uint8Array) => () => writeImages(target, new Map([[name, bytes]]));
    expect(failure(named('notes.txt', new Uint8Array(0))).message).toBe(
      'notes.txt: no image has such a name',
    );
    expect(failure(named('../core-1.img', new Uint8Array(0))).message).toMatch(/no image has such a name$/);
    expect(failure(named('core-1.img', new Uint8Array(8))).message).toMatch(
      /^core-1\.img, offset 0x0: the magic/,
    );
    expect(beside()).toEqual([]);
  });

  it('needs a parent that is there', () => {
    expect(failure(() => writeImages(join(base, 'no', 'images'), someFiles())).message).toMatch(/ENOENT/);
  });
});

describe('a directory that is not as it was written is refused', () => {
  beforeEach(() => writeImages(target, someFiles()));

  it('cut at any byte of any file', () => {
    for (const name of [...someFiles().keys(), MANIFEST]) {
      const path = join(target, name);
      const bytes = readFileSync(path);
      for (let length = bytes.length - 1; length >= 0; length -= bytes.length > 1000 ? 97 : 1) {
        truncateSync(path, length);
        const error = readFailure();
        expect(error.file).toBe(path);
        expect(error.offset, `${name} cut at ${length}: ${error.message}`).toBe(length);
      }
      writeFileSync(path, bytes);
    }
    expect(readImages(target).size).toBe(4);
  });

  it('longer than it was', () => {
    appendFileSync(join(target, 'pages-1.img'), 'x');
    expect(readFailure().message).toMatch(/pages-1\.img, offset 0x1000: has 4097 bytes, 4096 were written$/);
    appendFileSync(join(target, MANIFEST), ' ');
    expect(readFailure().file).toBe(join(target, MANIFEST));
  });

  it('changed in any byte', () => {
    for (const name of [...someFiles().keys(), MANIFEST]) {
      const path = join(target, name);
      const bytes = readFileSync(path);
      for (let at = 0; at < bytes.length; at += bytes.length > 1000 ? 511 : 1) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] as number) ^ 1;
        writeFileSync(path, changed);
        expect(() => readImages(target), `${name} at ${at}`).toThrow(InputError);
      }
      writeFileSync(path, bytes);
    }
  });

  it('with a wrong magic', () => {
    const path = join(target, 'pstree.img');
    const bytes = readFileSync(path);
    bytes.writeUInt32LE(0x56303138, 4);
    writeFileSync(path, bytes);
    expect(readFailure().message).toBe(
      `${path}, offset 0x4: the magic is 0x56303138, that of PSTREE images is 0x50273030`,
    );
  });

  it('without a file, or without the manifest', () => {
    rmSync(join(target, 'files.img'));
    expect(readFailure().message).toBe(`${join(target, 'files.img')}: is missing`);
    rmSync(join(target, MANIFEST));
    expect(readFailure().message).toMatch(/drydock\.json: is missing/);
  });

  it('with a file too many, or something that is no file', () => {
    writeFileSync(join(target, 'core-1.img'), '');
    expect(readFailure().message).toBe(`${join(target, 'core-1.img')}: the manifest does not know of it`);
    rmSync(join(target, 'core-1.img'));
    renameSync(join(target, 'files.img'), join(base, 'files.img'));
    symlinkSync(join(base, 'files.img'), join(target, 'files.img'));
    expect(readFailure().message).toBe(`${join(target, 'files.img')}: is no file`);
  });

  it('with two files for each other', () => {
    const [one, other] = [join(target, 'files.img'), join(target, 'inventory.img')];
    renameSync(one, join(base, 'x'));
    renameSync(other, one);
    renameSync(join(base, 'x'), other);
    expect(readFailure().offset).toBeDefined();
  });

  it('with a manifest of another version, or of anything', () => {
    const path = join(target, MANIFEST);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('"format": 1', '"format": 2'));
    expect(readFailure().message).toBe(`${path}: format 2; this Drydock reads 1`);
    for (const json of ['null', '[]', '{}', '{"format":1,"files":[]}', '{"format":1,"files":{"a":1}}']) {
      writeFileSync(path, json);
      expect(readFailure().file).toBe(path);
    }
    writeFileSync(path, '{"format":1,"files":{"../core-1.img":{"size":0,"sha256":""}}}');
    expect(readFailure().message).toMatch(/which no image is called$/);
  });

  it('when it is none', () => {
    expect(failure(() => readImages(join(base, 'none'))).message).toMatch(/none: is no directory$/);
    expect(failure(() => readImages(join(target, 'files.img'))).message).toMatch(/is no directory$/);
  });
});

/** A file system whose `call`th call of this name fails. */
function faulty(name: keyof ImageFs, code: string, call: number): ImageFs {
  let calls = 0;
  const fail = () => {
    if (++calls === call) throw Object.assign(new Error(`${code}: injected`), { code });
  };
  const original = nodeFs[name] as (...args: unknown[]) => unknown;
  const wrapped = (...args: unknown[]) => {
    fail();
    return original(...args);
  };
  return { ...nodeFs, [name]: wrapped };
}

describe('a write that fails leaves nothing', () => {
  const calls: readonly (readonly [keyof ImageFs, number])[] = [
    ['makeTemporary', 1],
    ['create', 5],
    ['write', 5],
    ['sync', 5],
    ['syncDirectory', 2],
    ['rename', 1],
  ];

  it.each(calls)('whichever call of %s it is', (name, count) => {
    for (let call = 1; call <= count; call++) {
      const fs = faulty(name, 'ENOSPC', call);
      const error = failure(() => writeImages(target, someFiles(), { fs }));
      expect(error.message).toMatch(/no space is left on the device \(ENOSPC\)$/);
      expect(error.file).toBeDefined();
      expect(beside()).toEqual([]);
    }
  });

  it('and names the file that did not fit', () => {
    const error = failure(() => writeImages(target, someFiles(), { fs: faulty('write', 'ENOSPC', 2) }));
    expect(error.message).toBe('inventory.img: cannot write it: no space is left on the device (ENOSPC)');
    expect(failure(() => writeImages(target, someFiles(), { fs: faulty('write', 'EIO', 2) })).message).toBe(
      'inventory.img: cannot write it: EIO: injected',
    );
  });

  it('keeps the directory that it was to replace', () => {
    writeImages(target, someFiles());
    for (const call of [1, 2]) {
      const fs = faulty('rename', 'EACCES', call);
      expect(failure(() => writeImages(target, someFiles(5), { fs, force: true })).message).toMatch(/EACCES/);
      expect(readImages(target)).toEqual(new Map([...someFiles()].sort()));
      expect(beside()).toEqual(['images']);
    }
  });

  it('writes on when a call takes a part only', () => {
    const fs: ImageFs = { ...nodeFs, write: (file, bytes) => nodeFs.write(file, bytes.subarray(0, 3)) };
    writeImages(target, new Map([['pstree.img', someFiles().get('pstree.img') as Uint8Array]]), { fs });
    expect(readImages(target).size).toBe(1);
  });
});

function canMount(): boolean {
  const place = mkdtempSync(join(tmpdir(), 'drydock-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', place], { stdio: 'ignore' });
    execFileSync('umount', [place], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

const mountable = canMount();

describe(`a disk that is full${mountable ? '' : ' (skipped: mounting is not permitted)'}`, () => {
  it.runIf(mountable)('gets no half of a directory', () => {
    const disk = join(base, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]);
    try {
      const small = new Map([['pages-1.img', new Uint8Array(100 << 10)]]);
      const large = new Map([...small, ['pages-2.img', new Uint8Array(200 << 10)] as const]);
      expect(failure(() => writeImages(join(disk, 'images'), large)).message).toBe(
        'pages-2.img: cannot write it: no space is left on the device (ENOSPC)',
      );
      expect(readdirSync(disk)).toEqual([]);
      writeImages(join(disk, 'images'), small);
      expect(failure(() => writeImages(join(disk, 'images'), large, { force: true })).message).toMatch(
        /ENOSPC/,
      );
      expect(readImages(join(disk, 'images'))).toEqual(small);
      expect(existsSync(join(disk, 'images', MANIFEST))).toBe(true);
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});
