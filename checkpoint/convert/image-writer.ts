/** The images of a checkpoint as they are written: file by file, each once. */
import { InputError } from '../../bpf/input-error.ts';
import { type EntriesInit, encodeImage, type ImageKind } from '../image/index.ts';

export class ImageWriter {
  readonly files = new Map<string, Uint8Array>();
  private pages = 0;

  put<K extends ImageKind>(kind: K, file: string, entries: EntriesInit<K>): void {
    try {
      this.add(file, encodeImage(kind, entries));
    } catch (error) {
      if (!(error instanceof InputError) || error.file !== undefined) throw error;
      throw new InputError(error.reason, { file });
    }
  }

  /** Pages as they are, one behind the other. @returns the number that a pagemap names them by */
  putPages(pages: readonly Uint8Array[]): number {
    this.pages++;
    const bytes = new Uint8Array(pages.reduce((sum, page) => sum + page.length, 0));
    let offset = 0;
    for (const page of pages) {
      bytes.set(page, offset);
      offset += page.length;
    }
    this.add(`pages-${this.pages}.img`, bytes);
    return this.pages;
  }

  private add(file: string, bytes: Uint8Array): void {
    if (this.files.has(file)) throw new Error(`${file} is written twice`);
    this.files.set(file, bytes);
  }
}
