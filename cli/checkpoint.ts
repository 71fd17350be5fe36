/** drydock checkpoint: dumps a world, as a scene describes it, into a directory of images. */
import { type Command, InvalidArgumentError } from 'commander';
import { noteOfLoss, refusalText, summary } from '../checkpoint/compare/item-report.ts';
import { toImages } from '../checkpoint/convert/index.ts';
import { writeImages } from '../checkpoint/image/directory.ts';
import { checkpointObject } from '../checkpoint/objects-node.ts';
import { takeCheckpoint } from '../checkpoint/roundtrip.ts';
import { openSession, readScene } from '../session/open-session-node.ts';
import { ExitCode } from './exit-code.ts';

interface CheckpointCommand {
  output: string;
  kernel?: string;
  root?: number;
  drop?: number[];
  force?: boolean;
  json?: boolean;
}

const HELP = `
Examples:
  drydock checkpoint programs/scenes/checkpoint.yaml -o images
  drydock restore images

The programs of programs/checkpoint look at the tasks, files, mappings, epoll and io_uring instances of the scene; the
images are CRIU's, with the rings in messages of our own. What could not be restored is said, with its number in
"drydock inventory", and nothing is written, unless --drop allows to lose it.

Exit code: 0 written; 1 refused; 2 bad input; 3 a bug in Drydock.`;

export function addCheckpoint(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('checkpoint')
    .description('dump the processes of a scene into images')
    .argument('<scene>', 'scene to build and dump')
    .requiredOption('-o, --output <directory>', 'where the images go; made, or replaced with --force')
    .option('--kernel <name>', "kernel profile: 5.16+series, 6.1, 6.12; default: the scene's, else 6.12")
    .option('--root <pid>', 'only this process and its descendants', integer)
    .option('--drop <item...>', 'numbers of inventory items that may be lost', integers)
    .option('--force', 'replace a directory of images')
    .option('--json', 'one JSON record: files, and what was refused or dropped')
    .addHelpText('after', HELP)
    .action(async (scene: string, options: CheckpointCommand) => done(await checkpoint(scene, options)));
}

async function checkpoint(path: string, options: CheckpointCommand): Promise<ExitCode> {
  const session = await openSession(await readScene(path), options.kernel);
  const { state, refusals, dropped } = takeCheckpoint(session, checkpointObject, {
    ...(options.root === undefined ? {} : { root: options.root }),
    drop: options.drop ?? [],
  });
  const files = refusals.length === 0 ? toImages(state, dropped.map(noteOfLoss)) : undefined;
  if (files) writeImages(options.output, files, { force: options.force === true });
  if (options.json) {
    const record = {
      scene: path,
      kernel: state.kernel,
      images: files ? [...files.keys()] : null,
      refused: refusals,
      dropped,
    };
    process.stdout.write(`${JSON.stringify(record)}\n`);
  } else {
    for (const refusal of refusals) process.stderr.write(`drydock: refused: ${refusalText(refusal)}\n`);
    for (const loss of dropped) process.stderr.write(`drydock: dropped: ${refusalText(loss)}\n`);
    if (files) process.stdout.write(`${summary(state)}: ${files.size} images in ${options.output}\n`);
  }
  return files ? ExitCode.Ok : ExitCode.Failed;
}

function integer(text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError('It has to be a whole number.');
  return Number(text);
}

function integers(text: string, before: number[] = []): number[] {
  return [...before, integer(text)];
}
