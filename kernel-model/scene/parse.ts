/** Text of a scene file -> validated scene, with the place of everything in it. */
import type { ErrorObject } from 'ajv';
import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from 'yaml';
import { emptyScene, type ParsedScene } from './parsed-scene.ts';
import type { Scene } from './scene.ts';
import { type Position, SceneError, type ScenePath } from './scene-error.ts';
import { validator } from './validator.ts';

/** Bytes of a scene file; larger worlds are written with `repeat`. */
export const MAX_SCENE_SIZE = 4 << 20;

/** @throws {SceneError} for text that is not YAML or not a scene. */
export function parseScene(text: string, file: string): ParsedScene {
  const start = { line: 1, column: 1 };
  if (text.length > MAX_SCENE_SIZE) {
    throw new SceneError(
      `longer than ${MAX_SCENE_SIZE} characters; use "repeat" for many items`,
      file,
      start,
    );
  }
  const lines = new LineCounter();
  const document = readDocument(text, file, lines);
  const locate = (path: ScenePath): Position => position(document, lines, path);
  const error = (path: ScenePath, reason: string, errno = 0) =>
    new SceneError(reason, file, locate(path), errno);

  if (document.contents === null) return emptyScene(file);
  const scene: unknown = toPlain(document, file, start);
  const validate = validator();
  if (!validate(scene)) {
    const { path, reason } = explain(validate.errors ?? [], scene);
    throw error(path, reason);
  }
  return { file, scene: scene as Scene, locate, error };
}

export function readDocument(text: string, file: string, lines: LineCounter): Document {
  let document: Document;
  try {
    document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      logLevel: 'error',
      version: '1.2',
    });
  } catch (error) {
    throw tooDeep(error, file, { line: 1, column: 1 });
  }
  const first = document.errors[0];
  if (first) {
    const { line, col } = lines.linePos(first.pos[0]);
    throw new SceneError(`not YAML: ${first.message}`, file, { line, column: col });
  }
  return document;
}

export function toPlain(document: Document, file: string, start: Position): unknown {
  try {
    // An empty file is an empty scene. Aliases are limited so that they cannot multiply without end.
    return document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    if (error instanceof ReferenceError) throw new SceneError(`not YAML: ${error.message}`, file, start);
    throw tooDeep(error, file, start);
  }
}

/** Recursion is only bounded by the stack, so that running out of it means bad input. */
function tooDeep(error: unknown, file: string, start: Position): unknown {
  return error instanceof RangeError ? new SceneError('nested too deeply', file, start) : error;
}

/** Start of the deepest part along the path that is written down; a key rather than its value. */
export function position(document: Document, lines: LineCounter, path: ScenePath): Position {
  let offset = isNode(document.contents) ? (document.contents.range?.[0] ?? 0) : 0;
  for (let length = 1; length <= path.length; length++) {
    const found = offsetOf(document, path.slice(0, length));
    if (found === undefined) break;
    offset = found;
  }
  const { line, col } = lines.linePos(offset);
  return line === 0 ? { line: 1, column: 1 } : { line, column: col };
}

function offsetOf(document: Document, path: ScenePath): number | undefined {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const key = path.at(-1);
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key);
    return isNode(pair?.key) ? pair.key.range?.[0] : undefined;
  }
  const node = document.getIn(path, true);
  return isNode(node) ? node.range?.[0] : undefined;
}

/** Turns the validator's findings into one sentence that says what to do. */
export function explain(errors: readonly ErrorObject[], scene: unknown): { path: ScenePath; reason: string } {
  const last = errors.at(-1);
  if (!last) return { path: [], reason: 'not a scene' };
  const path = pointerPath(last.instancePath, scene);
  switch (last.keyword) {
    case 'additionalProperties': {
      const name = String(last.params.additionalProperty);
      return { path: [...path, name], reason: `unknown field "${name}"` };
    }
    case 'required':
      return { path, reason: `field "${last.params.missingProperty}" is missing` };
    case 'oneOf': {
      const names = errors
        .filter((error) => error.keyword === 'required' && error.instancePath === last.instancePath)
        .map((error) => String(error.params.missingProperty));
      if (last.params.passingSchemas === null) return { path, reason: `needs one of: ${names.join(', ')}` };
      return {
        path,
        reason: 'two fields that exclude each other; keep one and make the other an item of its own',
      };
    }
    case 'anyOf':
      return anyOf(errors.slice(0, -1), path, scene);
    case 'enum':
      return { path, reason: `must be one of: ${(last.params.allowedValues as unknown[]).join(', ')}` };
    case 'const':
      return { path, reason: `must be ${JSON.stringify(last.params.allowedValue)}` };
    case 'pattern':
      return { path, reason: `is not written as expected (pattern ${last.params.pattern})` };
    case 'type':
      return { path, reason: `must be ${typeName(last.params.type)}` };
    default:
      return { path, reason: last.message ?? 'not valid' };
  }
}

/** Of the alternatives, the one that got deepest into the input says what is wrong with it. */
function anyOf(
  errors: readonly ErrorObject[],
  path: ScenePath,
  scene: unknown,
): { path: ScenePath; reason: string } {
  const depth = (error: ErrorObject) => error.instancePath.split('/').length;
  const deepest = errors
    .filter((error) => error.keyword !== 'type' && error.keyword !== 'const')
    .sort((a, b) => depth(b) - depth(a))[0];
  if (deepest) return explain([deepest], scene);
  const choices = errors.map((error) =>
    error.keyword === 'const' ? JSON.stringify(error.params.allowedValue) : typeName(error.params.type),
  );
  return { path, reason: `must be ${[...new Set(choices)].join(' or ')}` };
}

function typeName(type: unknown): string {
  const names: { readonly [type: string]: string } = {
    object: 'a mapping of fields',
    array: 'a list',
    string: 'text',
    integer: 'a whole number',
    boolean: 'true or false',
  };
  return String(type)
    .split(',')
    .map((name) => names[name] ?? name)
    .join(' or ');
}

/** "/tasks/0/pid" -> ["tasks", 0, "pid"]; indexes are numbers where the input has a list. */
function pointerPath(pointer: string, scene: unknown): ScenePath {
  const path: (string | number)[] = [];
  let at = scene;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    path.push(Array.isArray(at) ? Number(key) : key);
    at = (at as { [key: string]: unknown } | undefined)?.[key];
  }
  return path;
}
