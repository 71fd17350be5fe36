/** The configuration as rules that are looked up for each check, and which of them nothing has matched. */
import type { ScenePath } from '../../kernel-model/scene/scene-error.ts';
import type { AllowSpec, Budget, Expectation, GateConfig, GrowthLimit, Selector } from '../config/config.ts';
import { isSelected, matches, type Selectable } from '../config/select.ts';

type Lists = 'expect' | 'budgets' | 'growth' | 'allow' | 'unprivileged' | 'variants' | 'targets';
const LISTS: readonly Lists[] = [
  'expect',
  'budgets',
  'growth',
  'allow',
  'unprivileged',
  'variants',
  'targets',
];

export class Rules {
  private readonly config: GateConfig;
  private readonly used = new Set<string>();

  constructor(config: GateConfig) {
    this.config = config;
  }

  /** The last one that matches; all that do are used. */
  expectation(check: Selectable): Expectation | undefined {
    return this.matching('expect', this.config.expect ?? [], check).at(-1);
  }

  /** Of each number the last budget that matches and has it. */
  budget(check: Selectable): Budget {
    return Object.assign({}, ...this.matching('budgets', this.config.budgets ?? [], check)) as Budget;
  }

  growth(check: Selectable): GrowthLimit {
    return Object.assign({}, ...this.matching('growth', this.config.growth ?? [], check)) as GrowthLimit;
  }

  /** What allows a finding; none where only the rule or a name is another. */
  allowance(check: Selectable, isNamed: boolean, rule: string): AllowSpec | undefined {
    const all = this.config.allow ?? [];
    const found = all.findIndex(
      (spec) =>
        isSelected(named(spec, isNamed), check) && rulesOf(spec, rule) && isOfName(spec, isNamed, check),
    );
    if (found < 0) return undefined;
    this.use('allow', found);
    return all[found];
  }

  /** What asked for this to be verified without capabilities. */
  useUnprivileged(check: Selectable): void {
    if (check.mode === 'unpriv') this.matching('unprivileged', this.config.unprivileged ?? [], check);
  }

  use(list: Lists, index: number): void {
    this.used.add(`${list} ${index}`);
  }

  /** Places of the rules that nothing has matched. */
  unused(): ScenePath[] {
    return LISTS.flatMap((list) =>
      [...(this.config[list] ?? []).keys()]
        .filter((index) => !this.used.has(`${list} ${index}`))
        .map((index) => [list, index]),
    );
  }

  private matching<S extends Selector>(list: Lists, all: readonly S[], check: Selectable): S[] {
    return all.filter((selector, index) => {
      const isMatch = isSelected(selector, check);
      if (isMatch) this.use(list, index);
      return isMatch;
    });
  }
}

/** Runs and checkpoints have names of their own, in place of a program's. */
function named({ program, ...rest }: AllowSpec, isNamed: boolean): Selector {
  return isNamed || program === undefined ? rest : { ...rest, program };
}

function isOfName({ name, program }: AllowSpec, isNamed: boolean, check: Selectable): boolean {
  return isNamed ? program === undefined && matches(name, check.name) : name === undefined;
}

function rulesOf({ rule }: AllowSpec, wanted: string): boolean {
  return rule === undefined || (typeof rule === 'string' ? rule === wanted : rule.includes(wanted));
}
