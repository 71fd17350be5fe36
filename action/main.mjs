// The GitHub Action: builds Drydock where it is not built yet, and runs its gate with annotations and a step summary.
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MAIN = join(ROOT, 'dist', 'cli', 'main.js');
const REPORTS = ['sarif', 'junit', 'html', 'json'];

/** An input of action.yml, as the runner hands it over. */
function input(name) {
  return (process.env[`INPUT_${name.toUpperCase()}`] ?? '').trim();
}

function build() {
  for (const args of [
    ['ci', '--no-audit', '--no-fund'],
    ['run', 'build'],
  ]) {
    const { status } = spawnSync('npm', args, {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
      shell: false,
    });
    if (status !== 0) throw new Error(`npm ${args.join(' ')} failed in ${ROOT}`);
  }
}

/** @param annotations file for the workflow commands: stdout has the report for people */
function gateArguments(annotations) {
  const config = input('config') || 'drydock.yaml';
  const args = ['gate', config, '--format', 'pretty', '--format', `github=${annotations}`];
  const kernels = input('kernels')
    .split(/\s+/)
    .filter((name) => name !== '');
  if (kernels.length > 0) args.push('--kernel', ...kernels);
  for (const name of ['shard', 'changed-since', 'cache'])
    if (input(name) !== '') args.push(`--${name}`, input(name));
  for (const name of REPORTS) if (input(name) !== '') args.push('--format', `${name}=${input(name)}`);
  return args;
}

if (!existsSync(MAIN)) build();
const scratch = mkdtempSync(join(process.env.RUNNER_TEMP || tmpdir(), 'drydock-'));
const annotations = join(scratch, 'annotations.txt');
try {
  const { status, error } = spawnSync(process.execPath, [MAIN, ...gateArguments(annotations)], {
    cwd: input('working-directory') || '.',
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (error) throw error;
  if (existsSync(annotations)) process.stdout.write(readFileSync(annotations));
  const code = status ?? 3;
  if (process.env.GITHUB_OUTPUT) appendFileSync(process.env.GITHUB_OUTPUT, `exit-code=${code}\n`);
  process.exitCode = code;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
