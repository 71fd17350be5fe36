/** drydock inventory: every piece of state that an io_uring instance has, what shows it, and how it survives. */
import type { Command } from 'commander';
import {
  type InventoryItem,
  INVENTORY as items,
  label,
  type RoundTrip,
  verdictOf,
} from '../checkpoint/compare/item-report.ts';
import { checkpointObject } from '../checkpoint/objects-node.ts';
import { takeCheckpoint } from '../checkpoint/roundtrip.ts';
import { openSession, readScene } from '../session/open-session-node.ts';
import { ExitCode } from './exit-code.ts';
import { prove } from './restore.ts';

const CLASSES: { readonly [name: string]: string } = {
  R: 'restorable exactly',
  r: 'restorable with a caveat',
  D: 'derived from other state',
  N: 'not restorable',
};

const HELP = `
Classes: ${Object.entries(CLASSES)
  .map(([name, meaning]) => `${name} ${meaning}`)
  .join('; ')}.
"shown by" names a program of programs/ and the line it prints, or another way to see the state; "-" where nothing
that is bundled shows it. With a scene, its rings go through a checkpoint and a restore, and each item says whether it
is the same afterwards.

Exit code: 0 all good; 1 something of the scene is refused or different afterwards; 2 bad input; 3 a bug in Drydock.`;

interface InventoryCommand {
  json?: boolean;
  kernel?: string;
}

export function addInventory(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('inventory')
    .description('list the state of an io_uring instance, and what shows each piece of it')
    .argument('[scene]', 'scene whose rings are dumped and restored')
    .option(
      '--kernel <name>',
      "kernel profile for the scene: 5.16+series, 6.1, 6.12; default: the scene's, else 6.12",
    )
    .option('--json', 'one JSON record a line')
    .addHelpText('after', HELP)
    .action(async (scene: string | undefined, options: InventoryCommand) => {
      const trip = scene === undefined ? undefined : await roundTrip(scene, options.kernel);
      const line = options.json ? jsonLine : textLine;
      process.stdout.write(items.map((item, index) => line(item, index, trip)).join(''));
      if (!options.json) process.stdout.write(summary());
      const good = !trip || (trip.refusals.length === 0 && trip.comparison?.equal === true);
      done(good ? ExitCode.Ok : ExitCode.Failed);
    });
}

/** What is refused is left out, so that the rest can be looked at. */
async function roundTrip(path: string, kernel: string | undefined): Promise<RoundTrip> {
  const session = await openSession(await readScene(path), kernel);
  const { state, refusals } = takeCheckpoint(session, checkpointObject);
  if (refusals.length > 0) return { comparison: undefined, refusals };
  const { comparison } = await prove(state, state.kernel);
  return { comparison, refusals };
}

function jsonLine(item: InventoryItem, _index: number, trip: RoundTrip | undefined): string {
  const { id, group, state, since } = item;
  const verdict = trip && verdictOf(id, trip);
  const reason = verdict ? verdict.text : reasonOf(item);
  return `${JSON.stringify({
    id,
    group,
    state,
    since,
    class: item.class,
    dumped_by: item.shown,
    restored_by: item.restore === '–' ? null : item.restore,
    equal: verdict?.equal ?? null,
    ...(reason === undefined ? {} : { reason }),
  })}\n`;
}

/** Why nothing shows an item. */
function reasonOf(item: InventoryItem): string | undefined {
  if (item.shown !== null) return undefined;
  if (item.class === 'D') return 'follows from other state, or means nothing to the application';
  if (item.class === 'N') return 'cannot be made again: an instance that has it is not to be dumped';
  return `since ${item.since}: no modelled kernel has it`;
}

function textLine(item: InventoryItem, index: number, trip: RoundTrip | undefined): string {
  const heading = items[index - 1]?.group === item.group ? '' : `${index === 0 ? '' : '\n'}${item.group}\n`;
  const last = trip ? verdictOf(item.id, trip).text : (item.shown ?? '-');
  return `${heading}${label(item)}  ${last}\n`;
}

function summary(): string {
  const count = (name: string) => items.filter((item) => item.class === name).length;
  const classes = Object.keys(CLASSES).map((name) => `${count(name)} ${name}`);
  const shown = items.filter((item) => item.shown !== null).length;
  return `\n${items.length} items (${classes.join(', ')}); ${shown} are shown\n`;
}
