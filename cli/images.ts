/** drydock images: what stands in a directory of images, in crit's JSON. */
import type { Command } from 'commander';
import { readImages } from '../checkpoint/image/directory.ts';
import { listImages, showImage } from '../checkpoint/image/index.ts';
import { ExitCode } from './exit-code.ts';

const HELP = `
Example:
  drydock images images                     # the files, what kind each is, and how many entries it has
  drydock images images io_uring.img --pretty

docs/images.md says what stands in which file.`;

export function addImages(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('images')
    .description('list images of a checkpoint, or show one as JSON')
    .argument('<directory>', 'images that drydock checkpoint has written')
    .argument('[file]', 'one of them')
    .option('--pretty', 'indented, with flags and addresses as people write them')
    .addHelpText('after', HELP)
    .action((directory: string, file: string | undefined, options: { pretty?: boolean }) => {
      const files = readImages(directory);
      const text =
        file === undefined ? listImages(files) : showImage(files, file, { pretty: options.pretty === true });
      process.stdout.write(text);
      done(ExitCode.Ok);
    });
}
