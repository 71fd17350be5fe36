/** Comma-separated values as RFC 4180 has them; a line may also end in a line feed alone. */
import { InputError } from '../bpf/input-error.ts';

export interface CsvRecord {
  /** Line that it begins at, from 1. */
  readonly line: number;
  readonly fields: readonly string[];
}

/** Fields are quoted where they have to be, lines end in a line feed. */
export function csvText(records: Iterable<readonly (string | number)[]>): string {
  let text = '';
  for (const fields of records) text += `${fields.map((field) => quoted(String(field))).join(',')}\n`;
  return text;
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/**
 * The records of a text; empty lines are none.
 * @throws {InputError} naming the line where quotes are out of place.
 */
export function parseCsv(text: string, file: string): CsvRecord[] {
  return new CsvReader(text.replace(/^\uFEFF/, ''), file).records();
}

export function lineError(file: string, line: number, reason: string): InputError {
  return new InputError(`line ${line}: ${reason}`, { file });
}

/** Up to the next character that means something outside of quotes. */
const PLAIN = /[^",\r\n]*/y;

class CsvReader {
  private readonly text: string;
  private readonly file: string;
  private at = 0;
  private line = 1;

  constructor(text: string, file: string) {
    this.text = text;
    this.file = file;
  }

  records(): CsvRecord[] {
    const records: CsvRecord[] = [];
    while (this.at < this.text.length) {
      if (this.endOfLine()) continue;
      records.push(this.record());
    }
    return records;
  }

  private record(): CsvRecord {
    const { line } = this;
    const fields = [this.field()];
    while (this.text[this.at] === ',') {
      this.at++;
      fields.push(this.field());
    }
    if (this.at < this.text.length && !this.endOfLine()) {
      const found = JSON.stringify(this.text[this.at]);
      throw lineError(this.file, this.line, `${found} stands where a comma or the end of the line should`);
    }
    return { line, fields };
  }

  private field(): string {
    if (this.text[this.at] === '"') return this.quotedField();
    PLAIN.lastIndex = this.at;
    const plain = PLAIN.exec(this.text)?.[0] ?? '';
    this.at += plain.length;
    return plain;
  }

  private quotedField(): string {
    const begin = this.line;
    let value = '';
    for (let from = this.at + 1; ; ) {
      const end = this.text.indexOf('"', from);
      if (end < 0) throw lineError(this.file, begin, 'a quote is never closed');
      const part = this.text.slice(from, end);
      value += part;
      this.line += part.split('\n').length - 1;
      this.at = end + 1;
      if (this.text[this.at] !== '"') return value;
      value += '"';
      from = this.at + 1;
    }
  }

  /** Goes past the end of a line, where there is one. */
  private endOfLine(): boolean {
    const length = this.text.startsWith('\r\n', this.at) ? 2 : this.text[this.at] === '\n' ? 1 : 0;
    this.at += length;
    if (length > 0) this.line++;
    return length > 0;
  }
}
