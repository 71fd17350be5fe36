/**
 * Bad input: an object, a BTF blob, a scene, a profile that cannot be used as it is. The message names file,
 * section and offset where they are known, and what to do about it. Anything else that is thrown is a bug.
 */
export class InputError extends Error {
  override readonly name = 'InputError';
  readonly file: string | undefined;
  readonly section: string | undefined;
  /** Byte offset in the section, or in the file when there is no section. */
  readonly offset: number | undefined;
  /** The reason alone, without the place. */
  readonly reason: string;

  constructor(
    reason: string,
    place: { file?: string | undefined; section?: string | undefined; offset?: number | undefined } = {},
  ) {
    const parts: string[] = [];
    if (place.file) parts.push(place.file);
    if (place.section) parts.push(`section ${place.section}`);
    if (place.offset !== undefined) parts.push(`offset 0x${place.offset.toString(16)}`);
    super(parts.length > 0 ? `${parts.join(', ')}: ${reason}` : reason);
    this.reason = reason;
    this.file = place.file;
    this.section = place.section;
    this.offset = place.offset;
  }
}
