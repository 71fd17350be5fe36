/** drydock inventory: every piece of state that an io_uring instance has, and what shows it. */
import type { Command } from 'commander';
import items from '../kernel-model/inventory/items.json' with { type: 'json' };
import { ExitCode } from './exit-code.ts';

type Item = (typeof items)[number];

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
that is bundled shows it.`;

export function addInventory(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('inventory')
    .description('list the state of an io_uring instance, and what shows each piece of it')
    .option('--json', 'one JSON record a line')
    .addHelpText('after', HELP)
    .action((options: { json?: boolean }) => {
      process.stdout.write(items.map(options.json ? jsonLine : textLine).join(''));
      if (!options.json) process.stdout.write(summary());
      done(ExitCode.Ok);
    });
}

function jsonLine(item: Item): string {
  const { id, group, state, since } = item;
  const reason = reasonOf(item);
  return `${JSON.stringify({
    id,
    group,
    state,
    since,
    class: item.class,
    dumped_by: item.shown,
    restored_by: item.restore === '–' ? null : item.restore,
    equal: null,
    ...(reason === undefined ? {} : { reason }),
  })}\n`;
}

/** Why nothing shows an item. */
function reasonOf(item: Item): string | undefined {
  if (item.shown !== null) return undefined;
  if (item.class === 'D') return 'follows from other state, or means nothing to the application';
  if (item.class === 'N') return 'cannot be made again: an instance that has it is not to be dumped';
  return `since ${item.since}: no modelled kernel has it`;
}

const STATE_WIDTH = 56;

function textLine(item: Item, index: number): string {
  const heading = items[index - 1]?.group === item.group ? '' : `${index === 0 ? '' : '\n'}${item.group}\n`;
  const state = item.state.length > STATE_WIDTH ? `${item.state.slice(0, STATE_WIDTH - 3)}...` : item.state;
  return `${heading}${String(item.id).padStart(4)} ${item.class} ${state.padEnd(STATE_WIDTH)}  ${item.shown ?? '-'}\n`;
}

function summary(): string {
  const count = (name: string) => items.filter((item) => item.class === name).length;
  const classes = Object.keys(CLASSES).map((name) => `${count(name)} ${name}`);
  const shown = items.filter((item) => item.shown !== null).length;
  return `\n${items.length} items (${classes.join(', ')}); ${shown} are shown\n`;
}
