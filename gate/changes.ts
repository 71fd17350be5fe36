/** What git says has changed since a revision. */
import { spawnSync } from 'node:child_process';
import { InputError } from '../bpf/input-error.ts';

/**
 * Files that git knows and that are as they were at a revision. Those that it does not know (objects are built, as a
 * rule) have changed as far as anybody can tell.
 * @param root files are named relative to it, with slashes.
 * @throws {InputError} where there is no git, no repository, or no such revision.
 */
export function unchangedSince(revision: string, root: string): (file: string) => boolean {
  const known = new Set(git(root, ['ls-files', '-z', '.']));
  const [commit = ''] = git(root, ['rev-parse', '--verify', '--end-of-options', `${revision}^{commit}`]);
  const changed = new Set(git(root, ['diff', '--name-only', '--relative', '-z', commit.trim(), '--', '.']));
  return (file) => known.has(file) && !changed.has(file);
}

function git(root: string, args: readonly string[]): string[] {
  const { status, stdout, stderr, error } = spawnSync('git', [...args], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (error) throw new InputError(`git cannot be run: ${error.message}`);
  if (status !== 0) throw new InputError(`git ${args[0]}: ${stderr.trim().split('\n')[0]}`);
  return stdout.split('\0').filter((name) => name !== '');
}
