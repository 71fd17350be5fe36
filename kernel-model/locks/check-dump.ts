/** Whether all that a reader got from one iterator tells what was there. */
import type { Token } from './seq.ts';

/** What a table held at one time; `null` for an empty slot. */
export interface Version {
  readonly entries: readonly { readonly slot: number; readonly item: string }[];
}

/**
 * snapshot: the output is what the table held at some time between the first read and the last.
 * each-once: what was there all that time is shown, once; what came or went meanwhile may be.
 */
export type Rule = 'snapshot' | 'each-once';

/**
 * @param versions what the table held, from the first read to the last.
 * @returns what is wrong with the output.
 */
export function checkDump(
  tokens: readonly Token[],
  versions: readonly Version[],
  rule: Rule,
): string | undefined {
  return checkForm(tokens) ?? checkContent(entriesOf(tokens), versions, rule);
}

/** What is wrong whatever was there: also of output that is not complete yet. */
export function checkPart(tokens: readonly Token[]): string | undefined {
  const seen = new Set<number>();
  for (const { slot, item } of entriesOf(tokens)) {
    if (seen.has(slot)) return `${item} is shown twice`;
    seen.add(slot);
  }
  return undefined;
}

function checkForm(tokens: readonly Token[]): string | undefined {
  const headers = tokens.filter(({ kind }) => kind === 'header').length;
  if (headers === 0) return 'the header is missing';
  if (headers > 1) return 'the header is printed twice';
  const end = tokens.findIndex(({ kind }) => kind === 'trailer');
  const trailer = tokens[end];
  if (trailer?.kind !== 'trailer') return 'the trailer is missing';
  if (end < tokens.length - 1) return `${describe(tokens[end + 1] as Token)} comes after the trailer`;
  const shown = entriesOf(tokens).length;
  if (trailer.index !== null && trailer.index !== shown)
    return `the trailer tells of ${trailer.index} slots, ${shown} are shown`;
  return checkPart(tokens);
}

function checkContent(
  shown: readonly { slot: number; item: string }[],
  versions: readonly Version[],
  rule: Rule,
): string | undefined {
  const dump = JSON.stringify(shown.map(({ item }) => item));
  if (rule === 'snapshot') {
    const was = versions.some(({ entries }) => JSON.stringify(entries.map(({ item }) => item)) === dump);
    return was ? undefined : `the table never was as shown: ${list(shown)}`;
  }
  const always = (versions[0]?.entries ?? []).filter(({ slot, item }) =>
    versions.every(({ entries }) => entries.some((entry) => entry.slot === slot && entry.item === item)),
  );
  const missing = always.find(({ slot, item }) => !shown.some((e) => e.slot === slot && e.item === item));
  return missing && `${missing.item} is missing, though it was there all the time`;
}

function entriesOf(tokens: readonly Token[]): { slot: number; item: string }[] {
  return tokens.flatMap((token) => (token.kind === 'entry' ? [{ slot: token.slot, item: token.item }] : []));
}

function list(entries: readonly { item: string }[]): string {
  return entries.length === 0 ? 'empty' : entries.map(({ item }) => item).join(', ');
}

function describe(token: Token): string {
  return token.kind === 'entry' ? token.item : `a ${token.kind}`;
}
