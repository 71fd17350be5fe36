/**
 * JSON text with integers of 64 bits, laid out as Python's json module does it, so that the text is crit's too.
 * The language's own JSON reads them as doubles and does not write them at all.
 */
import { InputError } from '../../bpf/input-error.ts';

export type JsonValue = string | number | bigint | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

/** @param indent blanks a level; 0 for all on one line */
export function writeJson(value: JsonValue, indent = 0): string {
  return indent === 0 ? inLine(value) : indented(value, indent, '\n');
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function inLine(value: JsonValue): string {
  if (typeof value !== 'object' || value === null) return atom(value);
  if (isList(value)) return `[${value.map(inLine).join(', ')}]`;
  return `{${Object.entries(value)
    .map(([name, item]) => `${text(name)}: ${inLine(item)}`)
    .join(', ')}}`;
}

/** @param line the line end with the blanks of the present level */
function indented(value: JsonValue, indent: number, line: string): string {
  if (typeof value !== 'object' || value === null) return atom(value);
  const inner = line + ' '.repeat(indent);
  const items = isList(value)
    ? value.map((item) => indented(item, indent, inner))
    : Object.entries(value).map(([name, item]) => `${text(name)}: ${indented(item, indent, inner)}`);
  const [open, close] = isList(value) ? '[]' : '{}';
  return items.length === 0 ? `${open}${close}` : `${open}${inner}${items.join(`,${inner}`)}${line}${close}`;
}

function atom(value: string | number | bigint | boolean | null): string {
  return typeof value === 'string' ? text(value) : `${value}`;
}

/** All but printable ASCII is escaped. */
function text(value: string): string {
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** An integer that has as many digits need not be exact as a double. */
const EXACT_DIGITS = 15;

/**
 * Integers that a double might not hold come as strings of digits; fields of integers take those too.
 * @throws {InputError}
 */
export function readJson(json: string, file?: string): unknown {
  try {
    return JSON.parse(quoteLongIntegers(json));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(`no JSON: ${reason}`, { file });
  }
}

const NUMBER = /-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

function quoteLongIntegers(json: string): string {
  const parts: string[] = [];
  let done = 0;
  let at = 0;
  while (at < json.length) {
    const code = json.charCodeAt(at);
    if (code === 0x22) {
      at = endOfString(json, at);
    } else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      NUMBER.lastIndex = at;
      const number = NUMBER.exec(json)?.[0] ?? '-';
      if (number.length > EXACT_DIGITS && /^-?[0-9]+$/.test(number)) {
        parts.push(json.slice(done, at), `"${number}"`);
        done = at + number.length;
      }
      at += number.length;
    } else {
      at++;
    }
  }
  return parts.length === 0 ? json : parts.join('') + json.slice(done);
}

/** @param start of the opening quote */
function endOfString(json: string, start: number): number {
  let from = start + 1;
  for (;;) {
    const quote = json.indexOf('"', from);
    if (quote < 0) return json.length;
    let escapes = 0;
    while (quote - 1 - escapes > start && json[quote - 1 - escapes] === '\\') escapes++;
    if (escapes % 2 === 0) return quote + 1;
    from = quote + 1;
  }
}
