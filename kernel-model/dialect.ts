/**
 * How one kernel behaves where kernels differ and types do not tell: named switches, held as data in each
 * profile's dialect.json and checked when it is loaded.
 */
import { InputError } from '../bpf/input-error.ts';

export interface Dialect {
  /** uname -r of the kernel the data describes. */
  readonly release: string;
  /** LINUX_VERSION_CODE: (major << 16) + (minor << 8) + patch. */
  readonly versionCode: number;
  /** Timer ticks a second; converts sq_thread_idle between milliseconds and jiffies. */
  readonly hz: number;

  /** Helpers whose id means something else than in the newest kernel: id -> name. */
  readonly helpers: { readonly [id: string]: string };
  /** How programs reach bpf_page_to_pfn: as a helper (the series) or as a kfunc of the overlay. */
  readonly pageToPfn: 'helper' | 'kfunc';

  /** What an empty slot of the registered buffer table holds: each ring's own dummy, or one for all. */
  readonly sparseBuffer: 'per-ring-dummy' | 'global-dummy';
  /** Adjacent pages of one huge page become one bvec. */
  readonly coalesceHugePages: boolean;
  /** Eventfd, restriction and enable calls wait until nobody else refers to the ring. */
  readonly quiesce: boolean;
  /** Size limit of the registered file table. */
  readonly maxFixedFiles: number;
  /** One more than the last io_uring_register opcode. */
  readonly registerOps: number;
  /** One more than the last opcode of a submission entry. */
  readonly submitOps: number;
  /** IORING_SETUP_* bits that io_uring_setup knows. */
  readonly setupFlags: number;
  /** IORING_FEAT_* bits that io_uring_setup reports. */
  readonly features: number;
  /** Buffers of files: any file but shmem and hugetlbfs refused with EOPNOTSUPP, or only writable shared file
   * mappings with EFAULT. */
  readonly fileBackedBuffers: 'refuse-all' | 'refuse-shared';
  /** A ring may be mapped at an address of the caller's choice (MAP_FIXED, hints). */
  readonly ringMapFixed: boolean;
  /** sq_data.sq_cpu and task_pid without SQ_AFF: -1 and the creator's pid, or the thread's own. */
  readonly sqThreadIdentity: 'creator' | 'thread';

  /** When a write may go to a shared-once anonymous page without a copy: no other reference is left (pins count), or
   * the page is marked as exclusive. */
  readonly cowReuse: 'refcount' | 'exclusive';

  /** MADV_DONTNEED works on huge pages. */
  readonly hugetlbDontNeed: boolean;

  /** Size in bytes of union bpf_iter_link_info. */
  readonly linkInfoSize: number;
  /** Task iterators can be narrowed to one task (bpf_iter_link_info.task). */
  readonly taskLinkInfo: boolean;
  /** An error from an iterator's next(): given to stop() and forgotten, or returned by read. */
  readonly iterNextErrors: 'forgotten' | 'returned';

  /** Removing an epoll item: under the global epmutex, or by the `dying` mark. */
  readonly epollRemoval: 'epmutex' | 'dying';
}

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === 'string' && value.length > 0;
const flag: Check = (value) => typeof value === 'boolean';
const count: Check = (value) =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32;
const oneOf =
  (...choices: string[]): Check =>
  (value) =>
    choices.includes(value as string);
const helperTable: Check = (value) =>
  typeof value === 'object' &&
  value !== null &&
  Object.entries(value).every(([id, name]) => /^[1-9]\d*$/.test(id) && text(name));

const CHECKS: { readonly [Key in keyof Dialect]: Check } = {
  release: text,
  versionCode: count,
  hz: (value) => count(value) && value !== 0,
  helpers: helperTable,
  pageToPfn: oneOf('helper', 'kfunc'),
  sparseBuffer: oneOf('per-ring-dummy', 'global-dummy'),
  coalesceHugePages: flag,
  quiesce: flag,
  maxFixedFiles: count,
  registerOps: count,
  submitOps: count,
  setupFlags: count,
  features: count,
  fileBackedBuffers: oneOf('refuse-all', 'refuse-shared'),
  ringMapFixed: flag,
  sqThreadIdentity: oneOf('creator', 'thread'),
  cowReuse: oneOf('refcount', 'exclusive'),
  hugetlbDontNeed: flag,
  linkInfoSize: count,
  taskLinkInfo: flag,
  iterNextErrors: oneOf('forgotten', 'returned'),
  epollRemoval: oneOf('epmutex', 'dying'),
};

/**
 * Reads a dialect.json. Every switch must be there, and nothing else: a misspelt one would otherwise quietly
 * keep its old meaning.
 * @throws {InputError} that names the file and the switch.
 */
export function parseDialect(json: string, file: string): Dialect {
  let data: unknown;
  try {
    data = JSON.parse(json);
  } catch (error) {
    throw new InputError(`not JSON: ${(error as Error).message}`, { file });
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new InputError('a dialect is a JSON object', { file });
  }
  const values = data as { [key: string]: unknown };
  for (const key of Object.keys(values)) {
    if (!Object.hasOwn(CHECKS, key)) throw new InputError(`unknown switch "${key}"`, { file });
  }
  for (const [key, check] of Object.entries(CHECKS)) {
    if (!Object.hasOwn(values, key)) throw new InputError(`switch "${key}" is missing`, { file });
    if (!check(values[key])) {
      throw new InputError(`switch "${key}" cannot be ${JSON.stringify(values[key])}`, { file });
    }
  }
  return data as Dialect;
}
