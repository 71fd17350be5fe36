/** What the child that is killed writes, and what its parent expects. */

/** Few, so that they are written again and again. */
export const KEYS = 40;

export function partsOf(n: number): string[] {
  return ['kill', String(n % KEYS)];
}

/** Of very different sizes. */
export function cacheValue(n: number): { key: number; n: number; text: string } {
  return { key: n % KEYS, n, text: `${n % 10} `.repeat(1 + ((n * 7919) % 60_000)) };
}

export function baselineValue(n: number): string {
  const header = 'file,program,kernel,mode,variant,verdict,insns,states,peak_states,stack';
  const lines = Array.from({ length: 1 + ((n * 131) % 3000) }, (_, i) => {
    return `objects/${i}.bpf.o,program,6.12,priv,,accepted,${n},1,1,8`;
  });
  return `${[header, ...lines].join('\n')}\n`;
}
