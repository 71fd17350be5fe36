/** Text of drydock.yaml -> checked configuration. Errors name file, line and column. */
import { type Document, isPair, isScalar, LineCounter, type Node, visit } from 'yaml';
import { explain, position, readDocument, toPlain } from '../../kernel-model/scene/parse.ts';
import { type Position, SceneError, type ScenePath } from '../../kernel-model/scene/scene-error.ts';
import type { AllowSpec, GateConfig } from './config.ts';
import { validator } from './validator.ts';

/** Characters of a configuration. */
const MAX_CONFIG = 1 << 20;
/** Scalars below these keys are text, whatever they look like: 6.10 is no number, and a u64 does not fit one. */
const TEXT_KEYS = new Set(['kernel', 'kernels', 'globals', 'kconfig']);
const MAX_REGEXP = 200;

export interface ParsedConfig {
  readonly file: string;
  readonly config: GateConfig;
  locate(path: ScenePath): Position;
  error(path: ScenePath, reason: string): SceneError;
}

/** @throws {SceneError} for text that is not YAML or no configuration. */
export function parseConfig(text: string, file: string): ParsedConfig {
  const start = { line: 1, column: 1 };
  if (text.length > MAX_CONFIG) throw new SceneError(`longer than ${MAX_CONFIG} characters`, file, start);
  const lines = new LineCounter();
  const document = readDocument(text, file, lines);
  keepText(document);
  const locate = (path: ScenePath) => position(document, lines, path);
  const error = (path: ScenePath, reason: string) => new SceneError(reason, file, locate(path));
  const plain: unknown = toPlain(document, file, start);
  const validate = validator();
  if (!validate(plain)) {
    const { path, reason } = explain(validate.errors ?? [], plain);
    throw error(path, reason);
  }
  const config = plain as GateConfig;
  for (const { path, reason } of problems(config)) throw error(path, reason);
  return { file, config, locate, error };
}

/** Scalars that are text get back what was written. */
function keepText(document: Document): void {
  visit(document, {
    Scalar(_key, node, path) {
      const isText = path.some((part) => isPair(part) && isNamed(part.key, TEXT_KEYS));
      // The key of such a pair is not below itself.
      const parent = path.at(-1);
      const isKey = isPair(parent) && parent.key === node;
      if (isText && !isKey && typeof node.value !== 'string' && node.source !== undefined)
        node.value = node.source;
    },
  });
}

function isNamed(key: unknown, names: ReadonlySet<string>): boolean {
  return isScalar(key as Node) && names.has(String((key as { value: unknown }).value));
}

interface Problem {
  readonly path: ScenePath;
  readonly reason: string;
}

/** What a schema cannot say. */
function* problems(config: GateConfig): Generator<Problem> {
  yield* repeatedNames('variants', config.variants ?? []);
  yield* repeatedNames('runs', config.runs ?? []);
  yield* repeatedNames('checkpoints', config.checkpoints ?? []);
  for (const [i, { message }] of (config.expect ?? []).entries()) {
    const reason = message === undefined ? undefined : badMessage(message);
    if (reason !== undefined) yield { path: ['expect', i, 'message'], reason };
  }
  for (const [i, allow] of (config.allow ?? []).entries()) yield* allowProblems(allow, ['allow', i]);
  for (const [i, run] of (config.runs ?? []).entries()) {
    if (run.output !== undefined && run.output_file !== undefined)
      yield { path: ['runs', i, 'output_file'], reason: 'excludes "output": keep one of both' };
  }
}

function* repeatedNames(key: string, items: readonly { name?: string }[]): Generator<Problem> {
  const seen = new Set<string>();
  for (const [i, { name }] of items.entries()) {
    if (name !== undefined && seen.has(name))
      yield { path: [key, i, 'name'], reason: `"${name}" is the name of another one already` };
    if (name !== undefined) seen.add(name);
  }
}

function* allowProblems({ expires }: AllowSpec, path: ScenePath): Generator<Problem> {
  if (expires === undefined) return;
  const date = new Date(`${expires}T00:00:00Z`);
  if (Number.isNaN(date.getTime()) || date.toISOString().slice(0, 10) !== expires)
    yield { path: [...path, 'expires'], reason: `there is no day ${expires}` };
}

function badMessage(message: string): string | undefined {
  try {
    messagePattern(message);
    return undefined;
  } catch (error) {
    return error instanceof SyntaxError ? error.message : `longer than ${MAX_REGEXP} characters`;
  }
}

/** /text/ is a regular expression, anything else a part of what it is to be found in. */
export function messagePattern(text: string): (message: string) => boolean {
  const expression = /^\/(.*)\/$/s.exec(text)?.[1];
  if (expression === undefined) return (message) => message.includes(text);
  if (expression.length > MAX_REGEXP) throw new RangeError('too long');
  const pattern = new RegExp(expression, 'u');
  return (message) => pattern.test(message);
}
