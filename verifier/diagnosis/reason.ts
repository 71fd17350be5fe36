/** Recognises the verifier's own messages: which one it is, what it is about, what it names. */
import { type Category, FORMATS, MESSAGES, type MessageName, NO_REASONS } from './categories.ts';

export interface Reason {
  /** Name of the message in the catalogue; undefined for a text that is not in it. */
  name?: MessageName;
  category: Category;
  /** The line it was recognised in. */
  line: string;
  /** What stands in the message's places, in order. */
  values: string[];
}

interface Pattern {
  name: MessageName;
  category: Category | undefined;
  matcher: RegExp;
  /** Characters that are not places: the pattern with most of them says most. */
  weight: number;
}

/** What a place of a message can hold, by directive (core/log.ts). */
const PLACES: { readonly [directive: string]: string } = {
  d: '(-?\\d+)',
  u: '(\\d+)',
  x: '([0-9a-f]+)',
  X: '(0x[0-9a-f]+|-?\\d+)',
  p: '([+-]\\d+)',
  c: '(.)',
};
const ANY_TEXT = '(.*?)';

function compile(name: MessageName, category: Category | undefined): Pattern {
  // Messages of several lines are recognised by their first.
  const format = FORMATS[name];
  const line = format.replace(/^\n/, '').split('\n', 1)[0] ?? '';
  const literal = line.replace(/%./g, '');
  const body = line
    .split(/(%.)/)
    .map((part, i) => (i % 2 === 1 ? (PLACES[part.charAt(1)] ?? ANY_TEXT) : escapeText(part)))
    .join('');
  const whole = format.includes('\n', 1);
  return { name, category, matcher: new RegExp(`^${body}${whole ? '$' : ''}`), weight: literal.length };
}

function escapeText(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function compileAll(): Pattern[] {
  const reasons = Object.entries(MESSAGES).flatMap(([category, names]) =>
    names.map((name) => compile(name, category as Category)),
  );
  const others = NO_REASONS.map((name) => compile(name, undefined));
  return [...reasons, ...others].sort((a, b) => b.weight - a.weight);
}

let patterns: Pattern[] | undefined;

function recognise(line: string): Reason | undefined {
  patterns ??= compileAll();
  for (const { name, category, matcher } of patterns) {
    const match = matcher.exec(line);
    if (match) return category && { name, category, line, values: match.slice(1) };
  }
  return undefined;
}

/** Messages that only say what the one before them led to. */
const CONSEQUENCES: ReadonlySet<MessageName | undefined> = new Set<MessageName>([
  'GLOBAL_ARGUMENTS',
  'GLOBAL_ARGUMENTS_PLAIN',
  'KFUNC_PAIR',
  'KFUNC_CALLBACK',
  'VOID_HOOK_NOTE',
  'MIN_OUTSIDE',
  'MAX_OUTSIDE',
]);

const NULLABLE = /_or_null/;
/** Messages whose first text is a register type. */
const NAMES_TYPE: ReadonlySet<MessageName | undefined> = new Set<MessageName>([
  'INVALID_MEM_ACCESS',
  'TYPE_IS',
  'CANNOT_WRITE',
]);

const EPERM = 1;
const E2BIG = 7;
const ENOMEM = 12;

function categoryOf(errno: number): Category {
  if (errno === EPERM) return 'privilege';
  if (errno === E2BIG) return 'complexity';
  if (errno === ENOMEM) return 'resource-limit';
  return 'other';
}

/**
 * The reason in a log.
 * @param log of any level; the last reason counts.
 * @param message the verdict's, for rejections without a log.
 */
export function findReason(log: string, message: string, errno: number): Reason {
  const lines = log.split('\n');
  let found: Reason | undefined;
  for (let i = lines.length - 1; i >= 0; i--) {
    const reason = recognise(lines[i] ?? '');
    if (!reason) continue;
    if (found && !CONSEQUENCES.has(found.name)) break;
    // A consequence gives way only to what stands right in front of it.
    found = reason;
    if (!CONSEQUENCES.has(found.name)) break;
  }
  if (!found) return { category: categoryOf(errno), line: message, values: [] };
  const nullable = NAMES_TYPE.has(found.name) && NULLABLE.test(found.values.join(' ') + found.line);
  return nullable ? { ...found, category: 'null-pointer' } : found;
}
