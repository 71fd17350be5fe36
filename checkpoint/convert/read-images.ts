/** The state that image files hold. Every reference is looked up. */
import type { Entry } from '../image/index.ts';
import type { CheckpointState } from '../state.ts';
import { credOf } from './creds.ts';
import { ImageReader, Place } from './image-reader.ts';
import { MAIN, VERSION } from './main-image.ts';
import { readMms } from './mms.ts';
import { type CheckpointNote, noteOf } from './notes.ts';
import { PAGE_SIZE } from './numbers.ts';
import { readObjects } from './objects.ts';
import { readPages } from './pages.ts';
import { countTables, readFdTables, readFiles } from './read-files.ts';
import { orphansOf } from './ring-buffers.ts';
import { ORPHANS, RingImages, withRingTasks } from './rings.ts';
import { ownersOf, readTasks } from './tasks.ts';

export interface Checkpoint {
  readonly state: CheckpointState;
  readonly notes: readonly CheckpointNote[];
}

/** What the images say where it decides; that they say the same everywhere is not looked at. */
export function stateOf(files: ReadonlyMap<string, Uint8Array>): Checkpoint {
  const source = new ImageReader(files);
  const place = Place.entry(MAIN, 0);
  const main = source.only('DRYDOCK', MAIN);
  checkMain(main, place);
  const creds = main.creds.map((entry, index) => credOf(entry, place.field('creds', index)));
  const objects = readObjects(source, main.objects, place);
  const images = new RingImages(source);
  const targets = { objects: objects.length, rings: images.byFile };
  const open = readFiles(source, main.files, place, targets);
  const tables = countTables(source);
  const counts = { creds: creds.length, fdTables: tables, mms: main.mms.length };
  const tasks = readTasks(source, main.tasks, place, counts);
  const owners = ownersOf(tasks, main.mms.length, place);
  const orphans = source.has(ORPHANS) ? orphansOf(readPages(source, ORPHANS), ORPHANS) : [];
  const state: CheckpointState = {
    kernel: main.kernel,
    hz: main.hz,
    tasks: withRingTasks(source, tasks, images.byFile),
    creds,
    fdTables: readFdTables(source, tables, open.files.length),
    mms: readMms(source, main.mms, place, owners, { ...open, objects }),
    objects,
    files: open.files,
    rings: images.states({
      creds: creds.length,
      mms: main.mms.length,
      files: open.files,
      objects,
      orphans: orphans.length,
      tasks: new Set(tasks.map(({ tid }) => tid)),
    }),
    orphans,
  };
  return { state, notes: main.notes.map(noteOf) };
}

function checkMain({ version, page_size }: Entry<'DRYDOCK'>, place: Place): void {
  if (version !== VERSION) throw place.field('version').wrong(`is ${version}; this Drydock reads ${VERSION}`);
  if (page_size !== PAGE_SIZE) throw place.field('page_size').wrong(`is ${page_size}, not ${PAGE_SIZE}`);
}
