/** Runs the tools that build the selftests. */
import { spawn } from 'node:child_process';

/** Text that a failing tool leaves behind, at most, in bytes. */
const TAIL = 2000;

/** A tool that is missing or fails: the part is skipped with this as its reason. */
export class ToolError extends Error {}

export interface CommandOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
}

/** Output of a command. @throws {ToolError} when it cannot be started or fails, with the end of what it said. */
export function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, LC_ALL: 'C', ...options.env };
    const child = spawn(command, args, { ...options, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const output: Buffer[] = [];
    let errors = '';
    child.stdout.on('data', (bytes: Buffer) => output.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => {
      errors = `${errors}${bytes}`.slice(-TAIL);
    });
    child.on('error', (error) => reject(new ToolError(`${command}: ${error.message}`)));
    child.on('close', (code) => {
      if (code === 0) resolve(Buffer.concat(output).toString());
      else reject(new ToolError(`${command} ${args[0] ?? ''} failed (${code}): ${errors.trim()}`));
    });
  });
}

/** Whether a command exists. */
export async function exists(command: string): Promise<boolean> {
  try {
    await run('sh', ['-c', 'command -v "$1"', 'sh', command]);
    return true;
  } catch {
    return false;
  }
}
