/** Character devices that the model knows, by the numbers that mknod(2) takes. */

/** dev_t inside of the kernel. */
export function deviceNumber(major: number, minor: number): number {
  return (major << 20) | minor;
}

interface Device {
  /** Operations of its open files. */
  readonly ops: string;
  readonly number: number;
}

const KNOWN: { readonly [path: string]: Device } = {
  '/dev/null': { ops: 'null_fops', number: deviceNumber(1, 3) },
  '/dev/zero': { ops: 'zero_fops', number: deviceNumber(1, 5) },
  '/dev/tty': { ops: 'tty_fops', number: deviceNumber(5, 0) },
};
const TERMINAL = /^\/dev\/pts\/(\d+)$/;
const TERMINAL_MAJOR = 136;

/** The device that stands at a path on every machine. */
export function deviceAt(path: string): Device | undefined {
  const terminal = TERMINAL.exec(path);
  if (terminal) return { ops: 'tty_fops', number: deviceNumber(TERMINAL_MAJOR, Number(terminal[1])) };
  return KNOWN[path];
}

/** Operations of a device; undefined for one that no driver has. */
export function deviceOps(number: number): string | undefined {
  if (number >>> 20 === TERMINAL_MAJOR) return 'tty_fops';
  return Object.values(KNOWN).find((device) => device.number === number)?.ops;
}
