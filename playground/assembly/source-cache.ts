/**
 * What a text was understood as; asked for by lint, completion and tooltips. Short texts are parsed when it is asked
 * for, long ones beside the page, which would not answer meanwhile.
 */
import type { EditorState, Text } from '@codemirror/state';
import { parseAssembly } from '../../assembly/parse.ts';
import type { AssemblySource } from '../../assembly/source.ts';
import { Client } from '../rpc/client.ts';

/** Characters that are parsed in a few milliseconds. */
const SHORT = 20_000;

const client = new Client('assembly');
const parsed = new WeakMap<Text, AssemblySource>();
/** Of a text that may have changed since. */
let latest: AssemblySource | undefined;

/** Of a long text that is not parsed yet, what it was before. */
export function sourceOf({ doc }: EditorState): AssemblySource {
  const known = parsed.get(doc);
  if (known) return known;
  if (doc.length > SHORT) return latest ?? parseAssembly('');
  return keep(doc, parseAssembly(doc.toString()));
}

/** The same, once it is certain. */
export async function loadSource(doc: Text): Promise<AssemblySource> {
  return parsed.get(doc) ?? keep(doc, await parseText(doc.toString()));
}

export async function parseText(text: string): Promise<AssemblySource> {
  return text.length > SHORT ? client.call('parse', text) : parseAssembly(text);
}

function keep(doc: Text, source: AssemblySource): AssemblySource {
  parsed.set(doc, source);
  latest = source;
  return source;
}
