/**
 * Text of objects, made fit for a format. Names, messages and source lines come out of files that nobody has looked
 * at, so that none of it may act as markup, as a command or as an escape sequence of a terminal.
 */

import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { type Allowance, checkId, type GateReport, type SourcePlace } from '../check.ts';
import type { Found } from './summary.ts';

const REPLACEMENT = '\ufffd';

/** All that XML 1.0 does not allow, halves of surrogate pairs among them. */
const NOT_XML = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

/** What moves a cursor or turns the direction of writing, so that text looks like other text. */
const NOT_SHOWN = /[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/gu;

/** Text that any format can hold; line breaks are \n. */
export function plainText(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(NOT_XML, REPLACEMENT);
}

/** Text of one line that is safe to show. */
export function oneLine(text: string): string {
  return text
    .replace(/[\r\n\t\u2028\u2029]+/g, ' ')
    .replace(NOT_SHOWN, REPLACEMENT)
    .trim();
}

/** Lines that are safe to show; indentation is kept. */
export function safeLines(texts: readonly string[]): string[] {
  return texts
    .flatMap((text) => text.split(/\r\n|[\r\n\u2028\u2029]/))
    .map((line) => line.replaceAll('\t', '    ').replace(NOT_SHOWN, REPLACEMENT).trimEnd());
}

const ENTITIES: { readonly [character: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For text and for attributes in quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/**
 * For text in a line or a cell of Markdown. An entity never acts as markup, a backslash would leave mentions, links
 * and the bars of a table to each renderer.
 */
export function escapeMarkdown(text: string): string {
  return oneLine(text).replace(
    /[^\p{L}\p{N}\p{M}\p{S} .,;?%/=\ufffd]|[<>|~`^+$]/gu,
    (character) => `&#${character.codePointAt(0)};`,
  );
}

/** "file:line". */
export function placeText({ file, line }: SourcePlace): string {
  return oneLine(`${file}:${line}`);
}

/** "reason, until 2026-12-31". */
export function allowanceText({ reason, expires }: Allowance): string {
  return `${oneLine(reason)}, ${expires === null ? 'without end' : `until ${expires}`}`;
}

/**
 * Path as seen from where the gate was started, which is where CI systems look for files: those of a report are
 * relative to the configuration's directory.
 */
export function fromRoot({ config }: GateReport, file: string): string {
  const path = file === '' ? config : file;
  const relative = file !== '' && !isAbsolute(path) && !isAbsolute(config);
  return relative ? posix.join(posix.dirname(slashes(config)), path) : path;
}

export function isAbsolute(path: string): boolean {
  return path.startsWith('/') || path.startsWith('\\') || /^[a-z]:[\\/]/i.test(path);
}

export function slashes(path: string): string {
  return path.replaceAll('\\', '/');
}

/** Names a finding from run to run: numbers of its message and lines of the source may change. */
export function fingerprint({ check, finding, ordinal }: Found): string {
  return createHash('sha256')
    .update(JSON.stringify([checkId(check), finding.rule, ordinal]))
    .digest('hex');
}
