/** Edits of a scene's text that leave everything else as it is: comments, blank lines, how numbers are written. */
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  parseDocument,
  Scalar,
  visit,
} from 'yaml';

export type Path = readonly (string | number)[];

/** Lists of these keep one item on a line. */
const BLOCK = new Set([
  'tasks',
  'maps',
  'events',
  'locks',
  'iterators',
  'files',
  'mappings',
  'rings',
  'register',
]);

/** Those whose items take several lines. */
const LONG = new Set(['tasks', 'rings', 'register', 'events']);

/** The text as data, but hexadecimal numbers as they are written; undefined when it is no YAML. */
export function plain(text: string): unknown {
  const document = parseDocument(text, { version: '1.2', logLevel: 'error' });
  if (document.errors.length > 0) return undefined;
  visit(document, {
    Scalar(_key, node) {
      if (node.format === 'HEX' && node.source) node.value = node.source;
    },
  });
  try {
    return document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch {
    return undefined;
  }
}

/** Puts a value in its place, making what it stands in. */
export function setValue(text: string, path: Path, value: unknown): string {
  return edited(text, (document) => {
    makeRoom(document, path);
    const old = document.getIn(path, true);
    const node = nodeOf(document, path, value);
    // a comment behind a value is about its place
    if (isNode(old) && isNode(node)) node.comment = old.comment ?? null;
    document.setIn(path, node);
  });
}

/** Takes a value out, and what it stood in once that is empty. */
export function removeValue(text: string, path: Path): string {
  return edited(text, (document) => {
    makeRoom(document, path);
    if (document.hasIn(path)) document.deleteIn(path);
  });
}

/** Appends to a list, which is made when there is none. */
export function addItem(text: string, path: Path, value: unknown): string {
  return edited(text, (document) => {
    makeRoom(document, path);
    const list = document.getIn(path, true);
    const length = isSeq(list) ? list.items.length : 0;
    const node = nodeOf(document, [...path, length], value);
    if (length === 0) {
      const made = document.createNode([]) as Node & { items: unknown[]; flow?: boolean };
      made.items.push(node);
      if (!BLOCK.has(String(path.at(-1)))) made.flow = true;
      document.setIn(path, made);
    } else {
      document.addIn(path, node);
    }
  });
}

/** What a user types into a field, as YAML has it: 0x10 stays hexadecimal, "data + 4K" is text. */
export function scalarOf(text: string): unknown {
  const { contents, errors } = parseDocument(text.trim(), { version: '1.2', logLevel: 'error' });
  if (errors.length === 0 && isScalar(contents) && typeof contents.value === 'number') return contents;
  return text.trim();
}

function edited(text: string, edit: (document: Document) => void): string {
  const document: Document = parseDocument(text, { version: '1.2', logLevel: 'error' });
  if (document.errors.length > 0) return text;
  if (document.contents === null || !isMap(document.contents))
    document.contents = document.createNode({}) as never;
  edit(document);
  return document.toString({ lineWidth: 0 });
}

/** What is to hold a value becomes a list or a mapping: as a reference to another value, or anything else, it cannot. */
function makeRoom(document: Document, path: Path): void {
  for (let depth = 1; depth < path.length; depth++) {
    const above = path.slice(0, depth);
    const node = document.getIn(above, true);
    if (node === undefined) return;
    if (isAlias(node)) document.setIn(above, document.createNode(node.toJS(document)));
    else if (typeof path[depth] === 'number' ? !isSeq(node) : !isMap(node))
      document.setIn(above, document.createNode(typeof path[depth] === 'number' ? [] : {}));
  }
}

function nodeOf(document: Document, path: Path, value: unknown): unknown {
  if (value instanceof Scalar) return value;
  const node = document.createNode(value);
  if (isCollection(node) && isInLine(document, path)) {
    visit(node, {
      Collection(_key, each) {
        each.flow = true;
      },
    });
  }
  return node;
}

/** Whether what is put there is written in one line, as what is beside it. */
function isInLine(document: Document, path: Path): boolean {
  const parent = document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  if (!isCollection(parent) || parent.items.length === 0) {
    return typeof last === 'number' ? !LONG.has(String(path.at(-2))) : path.length > 3;
  }
  if (parent.flow) return true;
  const [first] = parent.items;
  if (typeof last === 'number' && isCollection(first)) return first.flow === true;
  return path.length > 3 && !BLOCK.has(String(last));
}
