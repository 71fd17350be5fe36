/**
 * Recorded loads of programs that attach to programs: chains of requests, and what Linux 6.12 answered to the last.
 * import-attach.mjs writes them.
 */
import { brotliDecompressSync } from 'node:zlib';
import type { LoadRequest } from '../../verifier/index.ts';

/** What the kernel answered. */
export interface AttachAnswer {
  /** Programs as OBJECT:PROGRAM[=FUNCTION], each attached to the one before. */
  case: string;
  /** Where it ended: libbpf did not find the function, or the kernel answered. */
  stage: 'libbpf' | 'kernel';
  errno: number;
  /** Last line of the reason, "" when accepted or when libbpf said it. */
  message: string;
  /** insns, states per insn, total states, peak states, mark_read */
  stats: [number, number, number, number, number];
}

export interface AttachCase extends AttachAnswer {
  /** Requests without their target: that is the one before. */
  chain: Omit<LoadRequest, 'target'>[];
}

interface Archive {
  /** Base64. */
  blobs: string[];
  cases: unknown;
}

/** Bytes stand in it as {"blob": number}, each blob once; 64-bit numbers as {"big": text}. */
export function unpackCases(bytes: Uint8Array): AttachCase[] {
  const archive = JSON.parse(brotliDecompressSync(bytes).toString()) as Archive;
  const blobs = archive.blobs.map((text) => new Uint8Array(Buffer.from(text, 'base64')));
  const decode = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(decode);
    if (typeof value !== 'object' || value === null) return value;
    if ('big' in value) return BigInt(value.big as string);
    if ('blob' in value) return blobs[value.blob as number];
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, decode(part)]));
  };
  return decode(archive.cases) as AttachCase[];
}
