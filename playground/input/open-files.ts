/** Files that the user chooses or drops. */
import { InputError } from '../../bpf/input-error.ts';
import { isVmlinux, vmlinuxBtf } from '../../kernel-model/vmlinux-btf.ts';
import { unpack } from '../share/bytes.ts';
import { parseCapsule, restoreCapsule } from '../share/capsule.ts';
import { isReport, openReport } from '../share/report-file.ts';
import { fail, notice, subject, view, vmlinux } from '../state.ts';
import { otherLog } from '../verify/log-comparison.tsx';

/** Largest file that is read: kernels with all their symbols have less. */
const MOST_BYTES = 768 << 20;
/** Largest object that is verified, and text that is opened. */
const MOST_OBJECT = 64 << 20;

/** What they are is told by their content; the last object counts. */
export async function openFiles(files: readonly File[]): Promise<void> {
  notice.value = undefined;
  const failures: string[] = [];
  for (const file of files) {
    try {
      await open(file);
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  // A file that could be opened takes the notice of the one before away.
  if (failures.length > 0) fail(failures.join('; '));
}

async function open(file: File): Promise<void> {
  const { name } = file;
  if (file.size > MOST_BYTES) throw new InputError(`is larger than ${MOST_BYTES >> 20} MiB`, { file: name });
  const bytes = await unpacked(await contentOf(file), name);
  if (isVmlinux(bytes)) {
    vmlinux.value = { file: name, bytes: new Uint8Array(vmlinuxBtf(bytes, name)) };
    return;
  }
  if (bytes.length > MOST_OBJECT)
    throw new InputError(`is larger than ${MOST_OBJECT >> 20} MiB`, { file: name });
  if (/\.(jsonl?|log|txt)$/.test(name)) openText(new TextDecoder().decode(bytes), name);
  else openObject(name, bytes);
}

/** /sys/kernel/btf/vmlinux is often kept packed. */
function unpacked(bytes: Uint8Array<ArrayBuffer>, file: string): Promise<Uint8Array<ArrayBuffer>> {
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return isPacked ? unpack(bytes, { file, format: 'gzip', most: MOST_BYTES }) : Promise.resolve(bytes);
}

async function contentOf(file: File): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new InputError('cannot be read: folders are not opened, only files', { file: file.name });
  }
}

function openObject(file: string, bytes: Uint8Array<ArrayBuffer>): void {
  subject.value = { kind: 'object', file, bytes };
  if (view.value !== 'run') view.value = 'verify';
}

function openText(text: string, file: string): void {
  if (!/\.jsonl?$/.test(file)) openLog(text, file);
  else if (isReport(text)) openReport(text, file);
  else openCapsule(text, file);
}

function openLog(text: string, file: string): void {
  otherLog.value = { file, text };
  view.value = 'verify';
}

function openCapsule(text: string, file: string): void {
  const missing = restoreCapsule(parseCapsule(text, file), file);
  if (missing !== '') notice.value = { text: missing, isError: false };
}

/** The whole page takes what is dropped on it. */
export function listenForDrops(): void {
  const mark = (isOver: boolean) => document.documentElement.classList.toggle('dropping', isOver);
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    mark(true);
  });
  document.addEventListener('dragleave', ({ relatedTarget }) => {
    if (relatedTarget === null) mark(false);
  });
  document.addEventListener('drop', (event) => event.preventDefault());
  // Before an editor takes the text of files into its own.
  document.addEventListener(
    'drop',
    (event) => {
      mark(false);
      const files = [...(event.dataTransfer?.files ?? [])];
      if (files.length === 0) return;
      event.preventDefault();
      event.stopPropagation();
      void openFiles(files);
    },
    { capture: true },
  );
}
