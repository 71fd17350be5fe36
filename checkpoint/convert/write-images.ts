/**
 * A checkpoint as image files. What CRIU has a message for is in CRIU's images, with CRIU's fields only, so that its
 * tools read them; what it has none for is in drydock.img, by CRIU's ids; rings are in images of their own.
 */
import type { EntryInit } from '../image/index.ts';
import type { CheckpointState } from '../state.ts';
import { AddedFiles } from './added-files.ts';
import { writeContents } from './contents.ts';
import { credsEntry } from './creds.ts';
import { nothingLeft } from './exhaustive.ts';
import { fileExtra, writeFiles } from './files.ts';
import { ImageWriter } from './image-writer.ts';
import { MAIN, VERSION } from './main-image.ts';
import { mmExtra, writeMms } from './mms.ts';
import { type CheckpointNote, noteEntry } from './notes.ts';
import { idOf, PAGE_SIZE } from './numbers.ts';
import { objectEntry, writeObjects } from './objects.ts';
import { writeRings } from './rings.ts';
import { taskExtra, writeTasks } from './tasks.ts';

/** Images v1.1 */
const IMG_VERSION = 2;

/** Without looking whether all can be read again. The same state gives the same bytes. */
export function writeImages(
  state: CheckpointState,
  notes: readonly CheckpointNote[],
): Map<string, Uint8Array> {
  const out = new ImageWriter();
  const added = new AddedFiles(state);
  out.put('INVENTORY', 'inventory.img', [
    { img_version: IMG_VERSION, fdinfo_per_id: true, ns_per_id: true, lsmtype: 'NO_LSM' },
  ]);
  writeTasks(state, added, out);
  writeMms(state, added, out);
  writeObjects(state, out);
  writeFiles(state, added, out);
  writeContents(state, out);
  writeRings(state, out);
  out.put('DRYDOCK', MAIN, [mainEntry(state, notes)]);
  return out.files;
}

function mainEntry(state: CheckpointState, notes: readonly CheckpointNote[]): EntryInit<'DRYDOCK'> {
  const { kernel, hz, tasks, creds, fdTables: _fdTables, mms, objects, files, rings, ...rest } = state;
  const { orphans: _orphans, ...left } = rest;
  nothingLeft(left);
  return {
    version: VERSION,
    kernel,
    hz,
    page_size: PAGE_SIZE,
    // A ring that shares another's thread has a higher index.
    ring_order: rings.map(({ file }) => idOf(file)),
    notes: notes.map(noteEntry),
    creds: creds.map(credsEntry),
    tasks: tasks.map(taskExtra),
    mms: mms.map(mmExtra),
    objects: objects.map(objectEntry),
    files: files.map((file, index) => fileExtra(state, file, index)),
  };
}
