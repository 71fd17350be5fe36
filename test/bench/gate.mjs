// The gate as a pipeline calls it: whole processes, with a cold cache and a warm one. Over the bundled programs, and over
// the kernel's selftests where they have been built (npm run conformance -- --install builds them).
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = join(ROOT, 'dist', 'cli', 'main.js');
const folder = mkdtempSync(join(tmpdir(), 'drydock-bench-'));

function gate(config, ...args) {
  const begin = performance.now();
  const { stdout } = spawnSync(process.execPath, [MAIN, 'gate', config, '--format', 'json', ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const seconds = (performance.now() - begin) / 1000;
  const { summary } = JSON.parse(stdout.slice(0, stdout.indexOf('\n')));
  return { seconds, summary };
}

function measure(name, config) {
  const cache = ['--cache', join(folder, `${name} cache`)];
  const cold = gate(config, ...cache);
  const warm = gate(config, ...cache);
  const single = gate(config, '--no-cache', '--jobs', '1');
  const times = [cold, warm, single].map(({ seconds }) => `${seconds.toFixed(2).padStart(8)} s`);
  console.log(`${name.padEnd(20)}${String(cold.summary.checks).padStart(7)} checks ${times.join('')}`);
}

/** Folders of objects that the conformance set has compiled. */
function selftests() {
  const built = join(ROOT, 'build', 'selftests');
  if (process.env.DRYDOCK_SELFTESTS) return [resolve(process.env.DRYDOCK_SELFTESTS)];
  if (!existsSync(built)) return [];
  return readdirSync(built)
    .map((name) => join(built, name, 'objects'))
    .filter(existsSync);
}

try {
  console.log(`gate, ${availableParallelism()} threads                      cold      warm  one thread`);
  measure('bundled programs', join(ROOT, 'programs', 'drydock.yaml'));
  for (const objects of selftests()) {
    const config = join(folder, 'drydock.yaml');
    rmSync(join(folder, 'objects'), { recursive: true, force: true });
    symlinkSync(objects, join(folder, 'objects'));
    writeFileSync(config, 'objects: "objects/*.bpf.o"\n');
    measure(`selftests (${readdirSync(objects).filter((name) => name.endsWith('.o')).length})`, config);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
