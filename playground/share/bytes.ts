/** Bytes as text that a URL fragment or a file of JSON can hold, packed. */
import { InputError } from '../../bpf/input-error.ts';

/** What a link unpacks to at most: they come from anybody. */
const MOST_BYTES = 64 << 20;

export function toBase64(bytes: Uint8Array): string {
  let text = '';
  // In parts: a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 0x8000)
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/**
 * @param file that it comes from, as messages name it
 * @throws {InputError}
 */
export function fromBase64(text: string, file: string): Uint8Array<ArrayBuffer> {
  try {
    const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    return Uint8Array.from(plain, (char) => char.charCodeAt(0));
  } catch {
    throw new InputError('is damaged: not base64', { file });
  }
}

export async function pack(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

export interface Packed {
  /** That it comes from, as messages name it. */
  readonly file: string;
  readonly format?: CompressionFormat;
  /** Bytes that it unpacks to at most. */
  readonly most?: number;
}

/** @throws {InputError} for what is damaged, or unpacks to more than `most` bytes. */
export async function unpack(
  bytes: Uint8Array<ArrayBuffer>,
  { file, format = 'deflate-raw', most = MOST_BYTES }: Packed,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format)).getReader();
  for (;;) {
    const part = await reader.read().catch(() => {
      throw new InputError('is damaged: it does not unpack', { file });
    });
    if (part.done) return new Uint8Array(await new Blob(parts).arrayBuffer());
    size += part.value.length;
    if (size > most) {
      await reader.cancel();
      throw new InputError(`unpacks to more than ${most >> 20} MiB`, { file });
    }
    parts.push(part.value);
  }
}
