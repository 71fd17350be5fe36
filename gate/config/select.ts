/** What selectors match. */
import picomatch from 'picomatch';
import type { Patterns, Selector } from './config.ts';

/** What a check is about, as far as selectors ask. */
export interface Selectable {
  readonly file: string;
  readonly name: string;
  readonly section: string;
  readonly kernel: string;
  readonly mode: 'priv' | 'unpriv';
  readonly variant: string;
}

type Test = (text: string) => boolean;
const tests = new Map<string, Test>();

/** Whether one of the patterns matches, and none with ! in front. Without a positive one everything else matches. */
export function matches(patterns: Patterns | undefined, text: string): boolean {
  if (patterns === undefined) return true;
  const all = typeof patterns === 'string' ? [patterns] : patterns;
  const wanted = all.filter((pattern) => !pattern.startsWith('!'));
  const unwanted = all.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1));
  if (unwanted.some((pattern) => testOf(pattern)(text))) return false;
  return wanted.length === 0 || wanted.some((pattern) => testOf(pattern)(text));
}

function testOf(pattern: string): Test {
  const known = tests.get(pattern);
  if (known) return known;
  // picomatch matches nothing with the empty pattern, which is the name of an object as it is.
  const test = pattern === '' ? (text: string) => text === '' : picomatch(pattern, { dot: true });
  tests.set(pattern, test);
  return test;
}

export function isSelected(selector: Selector, check: Selectable): boolean {
  return (
    matches(selector.object, check.file) &&
    matches(selector.program, check.name) &&
    matches(selector.section, check.section) &&
    matches(selector.kernel, check.kernel) &&
    matches(selector.variant, check.variant) &&
    (selector.mode === undefined || selector.mode === check.mode)
  );
}
