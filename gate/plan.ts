/** What there is to check: the configuration spread over the objects, kernels, variants and scenes that it names. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { globSync } from 'tinyglobby';
import { InputError } from '../bpf/input-error.ts';
import { DEFAULT_KERNEL, profileDirectory, profileNames } from '../kernel-model/profile-node.ts';
import type { ScenePath } from '../kernel-model/scene/scene-error.ts';
import { hasVerifierData } from '../kernel-model/verifier-data-node.ts';
import type { CheckpointSpec, GateConfig, Patterns, RunSpec, VariantSpec } from './config/config.ts';
import type { ParsedConfig } from './config/parse.ts';
import { matches } from './config/select.ts';
import type { CheckpointJob, ObjectChoice, RunJob, VerifyJob } from './jobs/job.ts';
import type { Rules } from './judge/rules.ts';

export interface Shard {
  /** From 1. */
  readonly index: number;
  readonly count: number;
}

export interface Plan {
  /** Directory that all paths are relative to. */
  readonly root: string;
  readonly verify: readonly VerifyJob[];
  readonly runs: readonly Planned<RunJob, RunSpec>[];
  readonly checkpoints: readonly Planned<CheckpointJob, CheckpointSpec>[];
  /** Whether a file is to be looked at at all, as far as shard and changes say. */
  readonly isWanted: (file: string) => boolean;
}

export interface Planned<J, S> {
  readonly job: J;
  readonly spec: S;
  readonly name: string;
}

export interface PlanOptions {
  readonly root: string;
  readonly shard: Shard | null;
  /** Files that are as they were when all was well. */
  readonly isUnchanged: (file: string) => boolean;
}

export const DEFAULT_OBJECTS = '**/*.bpf.o';
const NEVER = ['**/node_modules/**', '**/.git/**'];

/** Files below a directory that match, sorted; never what others have installed. */
export function findFiles(
  root: string,
  patterns: readonly string[],
  exclude: readonly string[] = [],
): string[] {
  return globSync([...patterns], {
    cwd: root,
    ignore: [...NEVER, ...exclude],
    dot: true,
    expandDirectories: false,
  }).sort();
}

/** @throws {InputError} for a configuration that names what there is not. */
export async function makePlan(parsed: ParsedConfig, rules: Rules, options: PlanOptions): Promise<Plan> {
  const { config } = parsed;
  const { root } = options;
  const isWanted = (file: string) => isInShard(file, options.shard) && !options.isUnchanged(file);
  /** Of the shard of the first of its files, and wanted as soon as one of them has changed. */
  const isAnyWanted = ([first = '', ...others]: readonly string[]) =>
    isInShard(first, options.shard) && [first, ...others].some((file) => !options.isUnchanged(file));
  const kernels = kernelsOf(parsed, config.kernels ?? [DEFAULT_KERNEL], root, true, ['kernels']);
  const files = objectFiles(parsed, root);
  const verify = files.flatMap((file) =>
    kernels.flatMap((kernel) => verifyJobs(config, rules, { root, file, kernel }, isWanted(file))),
  );
  const runs = await runJobs(parsed, kernels, root);
  const checkpoints = await checkpointJobs(parsed, kernels, root);
  return {
    root,
    verify,
    runs: runs.filter(({ spec: { object, scene, output_file } }) =>
      isAnyWanted([object, scene, output_file].filter((file) => file !== undefined)),
    ),
    checkpoints: checkpoints.filter(({ job }) => isWanted(job.file)),
    isWanted,
  };
}

/** By name, so that all machines agree whatever else they have. */
function isInShard(file: string, shard: Shard | null): boolean {
  if (!shard) return true;
  const digest = createHash('sha256').update(file).digest();
  return digest.readUInt32LE(0) % shard.count === shard.index - 1;
}

function list(patterns: Patterns | undefined): readonly string[] {
  if (patterns === undefined) return [];
  return typeof patterns === 'string' ? [patterns] : patterns;
}

/** With the paths of profiles made absolute. */
function kernelsOf(
  parsed: ParsedConfig,
  names: readonly string[],
  root: string,
  verifies: boolean,
  path: ScenePath,
): string[] {
  return names.map((name, i) => {
    const kernel = name.includes('/') ? resolve(root, name) : name;
    try {
      profileDirectory(kernel);
    } catch (error) {
      if (error instanceof InputError) throw parsed.error([...path, i], error.message);
      throw error;
    }
    if (!verifies || hasVerifierData(kernel)) return kernel;
    const able = profileNames().filter((each) => hasVerifierData(each));
    throw parsed.error([...path, i], `the profile "${name}" cannot verify; these can: ${able.join(', ')}`);
  });
}

function objectFiles(parsed: ParsedConfig, root: string): string[] {
  const { objects, exclude } = parsed.config;
  const find = (patterns: readonly string[]) => findFiles(root, patterns, list(exclude));
  if (objects === undefined) {
    const found = find([DEFAULT_OBJECTS]);
    const { runs = [], checkpoints = [] } = parsed.config;
    if (found.length + runs.length + checkpoints.length > 0) return found;
    throw parsed.error(
      [],
      `there is no ${DEFAULT_OBJECTS} here: compile the programs, or say "objects" where they are`,
    );
  }
  const all = new Set<string>();
  for (const [i, pattern] of list(objects).entries()) {
    const found = find([pattern]);
    if (found.length === 0) {
      const path = typeof objects === 'string' ? ['objects'] : ['objects', i];
      throw parsed.error(path, `no file matches "${pattern}"`);
    }
    for (const file of found) all.add(file);
  }
  return [...all].sort();
}

interface Place {
  readonly root: string;
  readonly file: string;
  readonly kernel: string;
}

/** Rules are used by what is left out, too: it was looked at before, or elsewhere. */
function verifyJobs(config: GateConfig, rules: Rules, place: Place, isWanted: boolean): VerifyJob[] {
  const { file, root, kernel } = place;
  const targets = targetsOf(config, rules, place);
  const variants: (VariantSpec | undefined)[] = [undefined];
  for (const [i, variant] of (config.variants ?? []).entries()) {
    if (!matches(variant.object, file)) continue;
    rules.use('variants', i);
    variants.push(variant);
  }
  if (!isWanted) return [];
  const { legacy = false, any_endian: anyEndian = false } = config;
  return variants.map((variant) => {
    const object: ObjectChoice = {
      path: resolve(root, file),
      file,
      kernel,
      series: config.series === true,
      variant: variant?.name ?? '',
      globals: variant?.globals ?? {},
      kconfig: variant?.kconfig ?? {},
      targets,
      formats: { legacy, anyEndian },
    };
    const unprivileged = config.unprivileged ?? [];
    return { kind: 'verify', object, programs: config.programs ?? null, unprivileged };
  });
}

/** The last one that matches. */
function targetsOf(config: GateConfig, rules: Rules, { file, root }: Place): string[] {
  let found: readonly string[] = [];
  for (const [i, { object, target }] of (config.targets ?? []).entries()) {
    if (!matches(object, file)) continue;
    rules.use('targets', i);
    found = list(target);
  }
  return found.map((target) => resolve(root, target));
}

async function runJobs(parsed: ParsedConfig, kernels: readonly string[], root: string) {
  const all: Planned<RunJob, RunSpec>[] = [];
  for (const [i, spec] of (parsed.config.runs ?? []).entries()) {
    const scene = spec.scene === undefined ? null : resolve(root, spec.scene);
    if (!existsSync(resolve(root, spec.object)))
      throw parsed.error(['runs', i, 'object'], `there is no file "${spec.object}"`);
    const name = spec.name ?? `#${i + 1}`;
    for (const kernel of await sceneKernels(parsed, spec, scene, kernels, root, ['runs', i]))
      all.push({ job: runJob(spec, scene, kernel, root), spec, name });
  }
  return all;
}

function runJob(spec: RunSpec, scene: string | null, kernel: string, root: string): RunJob {
  return {
    kind: 'run',
    path: resolve(root, spec.object),
    file: spec.object,
    programs: spec.program ?? null,
    scene,
    kernel,
    task: spec.task ?? null,
    fd: spec.fd ?? null,
    map: spec.map ?? null,
    readSize: spec.read_size ?? 4096,
  };
}

async function checkpointJobs(parsed: ParsedConfig, kernels: readonly string[], root: string) {
  const all: Planned<CheckpointJob, CheckpointSpec>[] = [];
  for (const [i, spec] of (parsed.config.checkpoints ?? []).entries()) {
    const scene = resolve(root, spec.scene);
    const name = spec.name ?? `#${i + 1}`;
    for (const kernel of await sceneKernels(parsed, spec, scene, kernels, root, ['checkpoints', i])) {
      const job = { kind: 'checkpoint', scene, file: spec.scene, kernel, drop: spec.drop ?? [] } as const;
      all.push({ job, spec, name });
    }
  }
  return all;
}

/** Those that are named, else the scene's own, else all. */
async function sceneKernels(
  parsed: ParsedConfig,
  { kernel }: { readonly kernel?: Patterns },
  scene: string | null,
  kernels: readonly string[],
  root: string,
  path: ScenePath,
): Promise<readonly string[]> {
  if (kernel !== undefined) return kernelsOf(parsed, list(kernel), root, false, [...path, 'kernel']);
  if (scene === null) return kernels;
  if (!existsSync(scene)) throw parsed.error([...path, 'scene'], 'there is no such file');
  const own = await sceneKernel(scene);
  return own === undefined ? kernels : [own];
}

/** A scene that cannot be read is found out when it is used. */
async function sceneKernel(scene: string): Promise<string | undefined> {
  const { readScene } = await import('../session/open-session-node.ts');
  try {
    return (await readScene(scene)).scene.kernel;
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}
