/** The browser of tests: $CHROMIUM, or a Chromium that the path leads to. Undefined where there is none. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const NAMES = ['chromium', 'chromium-browser'];
const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');

export const CHROMIUM: string | undefined = [
  process.env.CHROMIUM ?? '',
  ...folders.flatMap((folder) => NAMES.map((name) => join(folder, name))),
].find((path) => path !== '' && existsSync(path));
