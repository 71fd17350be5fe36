/** drydock.yaml as it is written. What is absent means what schema.json says. */

export type Patterns = string | readonly string[];

/** Which checks a part of the configuration is about; what is absent is any. */
export interface Selector {
  readonly object?: Patterns;
  readonly program?: Patterns;
  readonly section?: Patterns;
  readonly kernel?: Patterns;
  readonly mode?: 'priv' | 'unpriv';
  readonly variant?: Patterns;
}

export interface Expectation extends Selector {
  readonly verdict: 'accepted' | 'rejected' | 'not-loaded';
  /** Text that is part of the message, or /regular expression/. */
  readonly message?: string;
  /** EACCES and the like. */
  readonly errno?: string;
}

export interface Budget extends Selector {
  readonly insns?: number;
  readonly states?: number;
  readonly stack?: number;
}

/** "10%", or a number of what is counted. */
export type Growth = string | number;

export interface GrowthLimit extends Selector {
  readonly insns?: Growth;
  readonly states?: Growth;
  readonly stack?: Growth;
}

export interface AllowSpec extends Selector {
  /** Name of a run or a checkpoint. */
  readonly name?: Patterns;
  readonly rule?: string | readonly string[];
  readonly reason: string;
  /** YYYY-MM-DD, the last day. */
  readonly expires?: string;
}

export interface VariantSpec {
  readonly name: string;
  readonly object?: Patterns;
  /** Initial values of global variables. */
  readonly globals?: { readonly [variable: string]: string };
  readonly kconfig?: { readonly [option: string]: string };
}

export interface TargetSpec {
  readonly object: Patterns;
  /** OBJ[:PROGRAM[=FUNCTION]], the first one first. */
  readonly target: Patterns;
}

export interface RunSpec {
  readonly name?: string;
  readonly object: string;
  readonly program?: Patterns;
  readonly scene?: string;
  readonly kernel?: Patterns;
  readonly task?: number;
  readonly fd?: number;
  readonly map?: string;
  readonly read_size?: number;
  readonly output?: string;
  readonly output_file?: string;
  readonly retval?: number;
  /** Part of why it has to fail. */
  readonly fails?: string;
}

export interface CheckpointSpec {
  readonly name?: string;
  readonly scene: string;
  readonly kernel?: Patterns;
  readonly drop?: readonly number[];
  /** Items of the inventory for which it has to be refused; equal when absent. */
  readonly refused?: readonly number[];
}

export interface GateConfig {
  readonly objects?: Patterns;
  readonly exclude?: Patterns;
  readonly kernels?: readonly string[];
  readonly series?: boolean;
  /** As `ObjectFormats` (verifier/load-options.ts). */
  readonly legacy?: boolean;
  readonly any_endian?: boolean;
  readonly programs?: Patterns;
  readonly unprivileged?: readonly Selector[];
  readonly variants?: readonly VariantSpec[];
  readonly targets?: readonly TargetSpec[];
  readonly expect?: readonly Expectation[];
  readonly budgets?: readonly Budget[];
  readonly growth?: readonly GrowthLimit[];
  readonly baseline?: string;
  readonly allow?: readonly AllowSpec[];
  readonly runs?: readonly RunSpec[];
  readonly checkpoints?: readonly CheckpointSpec[];
}
