/** drydock restore: brings a checkpoint about again in a fresh kernel, and shows that it is the same. */
import type { Command } from 'commander';
import { comparisonText, itemOf } from '../checkpoint/compare/item-report.ts';
import { fromImages, toImages } from '../checkpoint/convert/index.ts';
import { readImages, writeImages } from '../checkpoint/image/directory.ts';
import { checkpointObject } from '../checkpoint/objects-node.ts';
import type { Call } from '../checkpoint/restore/calls.ts';
import { type Proof, proveRestore } from '../checkpoint/roundtrip.ts';
import type { CheckpointState } from '../checkpoint/state.ts';
import { parseScene } from '../kernel-model/scene/index.ts';
import { openSession } from '../session/open-session-node.ts';
import { ExitCode } from './exit-code.ts';

interface RestoreCommand {
  kernel?: string;
  plan?: boolean;
  output?: string;
  force?: boolean;
  json?: boolean;
}

const HELP = `
Example:
  drydock checkpoint programs/scenes/checkpoint.yaml -o images && drydock restore images --plan

Every step is a system call of the restorer or of a restored task. Afterwards the new world is dumped as the old one
was, and both are compared, item by item over the inventory. --kernel restores into another kernel than the one that
was dumped; where the rings of both are laid out differently, that is refused.

Exit code: 0 restored and equal; 1 restored and not equal; 2 bad images, or a restore that is refused; 3 a bug in Drydock.`;

export function addRestore(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('restore')
    .description('restore images into a fresh kernel, and compare')
    .argument('<directory>', 'images that drydock checkpoint has written')
    .option('--kernel <name>', 'kernel to restore into; default: the one that was dumped')
    .option('--plan', 'print the system calls that the restore makes')
    .option('-o, --output <directory>', 'write images of the restored world')
    .option('--force', 'replace a directory of images')
    .option('--json', 'one JSON record a line for each item of the inventory that is in use')
    .addHelpText('after', HELP)
    .action(async (directory: string, options: RestoreCommand) => done(await run(directory, options)));
}

async function run(directory: string, options: RestoreCommand): Promise<ExitCode> {
  const state = fromImages(readImages(directory));
  const proof = await prove(state, options.kernel ?? state.kernel);
  if (options.output !== undefined)
    writeImages(options.output, toImages(proof.restored), { force: options.force === true });
  if (options.json) process.stdout.write(jsonLines(proof));
  else {
    if (options.plan) process.stdout.write(planText(proof.calls));
    process.stdout.write(comparisonText(proof.comparison));
    process.stdout.write(`${proof.calls.length} system calls\n`);
  }
  return proof.comparison.equal ? ExitCode.Ok : ExitCode.Failed;
}

/** In an empty world of a kernel. */
export async function prove(state: CheckpointState, kernel: string): Promise<Proof> {
  return proveRestore(await openSession(parseScene('', 'empty scene'), kernel), checkpointObject, state);
}

/** Calls under headings that say what they are for. */
function planText(calls: readonly Call[]): string {
  let node = '';
  return calls
    .map((call) => {
      const heading = call.node === node ? '' : `${call.node}\n`;
      node = call.node;
      return `${heading}${String(call.tid).padStart(9)}  ${call.text} = ${call.result}\n`;
    })
    .join('');
}

function jsonLines({ comparison, calls }: Proof): string {
  const lines = comparison.items
    .filter(({ present, equal }) => present || !equal)
    .map(({ item, equal, caveat, differences }) => {
      const { id, state, class: kind, shown, restore } = itemOf(item);
      const reason = caveat ?? null;
      return { id, state, class: kind, dumped_by: shown, restored_by: restore, equal, reason, differences };
    });
  const rest = { world: comparison.world.length === 0, differences: comparison.world, calls: calls.length };
  return [...lines, rest].map((line) => `${JSON.stringify(line)}\n`).join('');
}
