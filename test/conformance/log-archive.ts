/** The logs that Linux 6.12 wrote of the recorded loads: recorded/logs-6.12.jsonl.br, made by import-logs.ts. */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { constants, createBrotliDecompress } from 'node:zlib';

export const LOGS = 'logs-6.12.jsonl.br';

/** One log, without what differs from boot to boot (verifier/log-text.ts). */
export interface RecordedLog {
  /** `loadName` of the load. */
  load: string;
  /** `LogLevel` bits it was asked for with. */
  level: number;
  /** As the selftests' loader, libbpf, handed it on: with what libbpf itself found missing. */
  byLoader?: true;
  /** Bytes of the whole log; absent where that was not recorded. */
  bytes?: number;
  /** The whole log, or its beginning when there is a `tail`. */
  text?: string;
  /** The end of a log of which not all was recorded, from a line's start. */
  tail?: string;
}

/** The logs in the order of the loads. */
export async function* readLogs(folder: string): AsyncGenerator<RecordedLog> {
  // The window reaches over logs of many megabytes.
  const options = { params: { [constants.BROTLI_DECODER_PARAM_LARGE_WINDOW]: 1 } };
  const input = createReadStream(join(folder, LOGS)).pipe(createBrotliDecompress(options));
  for await (const line of createInterface({ input })) yield JSON.parse(line) as RecordedLog;
}
