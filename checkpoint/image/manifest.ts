/** `drydock.json`: what a directory of images has to hold. It is written last, so what has it is complete. */
import { InputError } from '../../bpf/input-error.ts';
import { kindOfFile } from './kinds.ts';

export const MANIFEST = 'drydock.json';

/** Version of the format of directories; grows when an older Drydock could not read them right. */
export const FORMAT = 1;

export interface FileRecord {
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

export type Manifest = ReadonlyMap<string, FileRecord>;

/** Sorted by name: the same files give the same bytes. */
export function writeManifest(manifest: Manifest): Uint8Array {
  const names = [...manifest.keys()].sort();
  const files = Object.fromEntries(names.map((name) => [name, manifest.get(name)]));
  return new TextEncoder().encode(`${JSON.stringify({ format: FORMAT, files }, null, 2)}\n`);
}

/** @throws {InputError} with the offset, when the file is not byte for byte what writeManifest writes */
export function readManifest(bytes: Uint8Array, file: string = MANIFEST): Manifest {
  const manifest = new Map<string, FileRecord>();
  for (const [name, record] of Object.entries(filesOf(parse(bytes, file), file))) {
    if (kindOfFile(name) === undefined) {
      throw new InputError(`tells of ${JSON.stringify(name)}, which no image is called`, { file });
    }
    if (!isRecord(record)) throw new InputError(`no size and sha256 of ${name}`, { file });
    manifest.set(name, { size: record.size, sha256: record.sha256 });
  }
  checkSame(writeManifest(manifest), bytes, file);
  return manifest;
}

function parse(bytes: Uint8Array, file: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(`no JSON, or cut: ${reason}`, { file, offset: bytes.length });
  }
}

function filesOf(json: unknown, file: string): Readonly<Record<string, unknown>> {
  if (typeof json === 'object' && json !== null && 'format' in json && 'files' in json) {
    const { format, files } = json;
    if (format !== FORMAT) {
      throw new InputError(`format ${JSON.stringify(format)}; this Drydock reads ${FORMAT}`, { file });
    }
    if (typeof files === 'object' && files !== null && !Array.isArray(files)) return { ...files };
  }
  throw new InputError('no manifest of images', { file, offset: 0 });
}

function isRecord(value: unknown): value is FileRecord {
  if (typeof value !== 'object' || value === null || !('size' in value) || !('sha256' in value)) return false;
  const { size, sha256 } = value;
  return (
    Number.isSafeInteger(size) &&
    Number(size) >= 0 &&
    typeof sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(sha256)
  );
}

function checkSame(wanted: Uint8Array, bytes: Uint8Array, file: string): void {
  const differs = wanted.findIndex((byte, at) => byte !== bytes[at]);
  const offset = differs >= 0 ? differs : wanted.length;
  if (differs >= 0 || wanted.length !== bytes.length) {
    throw new InputError('not as it was written', { file, offset });
  }
}
