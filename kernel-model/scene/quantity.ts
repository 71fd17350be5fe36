/**
 * Numbers as people write them in a scene: "4K", "0x7f0000000000", "data + 8K", "4K * (i % 256 + 1)".
 *
 * Operators + - * / % << >> and parentheses with C's precedence; unsigned decimal and hexadecimal literals
 * with K, M, G (powers of 1024); names are looked up by the caller (a mapping's address, `i` of a repeat).
 * Arithmetic is exact; intermediate values beyond 128 bits are refused so that no expression can grow.
 */

/** What a name stands for; undefined when there is no such name. */
export type Names = (name: string) => bigint | undefined;

export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

const LIMIT = 1n << 127n;
const MAX_LENGTH = 256;
const SUFFIX: { readonly [letter: string]: bigint } = { '': 1n, K: 1n << 10n, M: 1n << 20n, G: 1n << 30n };
const TOKEN =
  /\s*(?:(0x[0-9a-fA-F_]+|[0-9][0-9_]*)([KMG]?)(?![A-Za-z0-9_])|([A-Za-z_]\w*)|(<<|>>|[-+*/%()]))/y;

const PRECEDENCE: { readonly [operator: string]: number } = {
  '<<': 1,
  '>>': 1,
  '+': 2,
  '-': 2,
  '*': 3,
  '/': 3,
  '%': 3,
};

type Token = bigint | string;

/** @throws {QuantityError} for what is not an expression, an unknown name, or a result that has no value. */
export function evaluate(text: string, names: Names = () => undefined): bigint {
  if (text.length > MAX_LENGTH) throw new QuantityError(`longer than ${MAX_LENGTH} characters`);
  const parser = new Parser(tokenize(text, names));
  const value = parser.expression(1);
  parser.end();
  return value;
}

/** Puts values into text: "file-{i}", "{i % 4}". "{{" is a brace. */
export function expand(text: string, names: Names): string {
  return text.replace(/\{\{|\{([^{}]*)\}/g, (match, expression: string | undefined) =>
    expression === undefined ? match.slice(1) : evaluate(expression, names).toString(),
  );
}

function tokenize(text: string, names: Names): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (text.slice(TOKEN.lastIndex).trim() !== '') {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw new QuantityError(`"${text.slice(at).trim()}" is not a number`);
    const [, digits, suffix, name, operator] = match;
    if (digits !== undefined) {
      tokens.push(BigInt(digits.replaceAll('_', '')) * (SUFFIX[suffix ?? ''] as bigint));
    } else if (name !== undefined) {
      const value = names(name);
      if (value === undefined) throw new QuantityError(`nothing is called "${name}"`);
      tokens.push(value);
    } else {
      tokens.push(operator as string);
    }
  }
  return tokens;
}

class Parser {
  private position = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  /** Operators that bind at least as tightly as `lowest`. The nesting is bounded by MAX_LENGTH. */
  expression(lowest: number): bigint {
    let left = this.operand();
    for (;;) {
      const operator = this.tokens[this.position];
      const precedence = typeof operator === 'string' ? PRECEDENCE[operator] : undefined;
      if (precedence === undefined || precedence < lowest) return left;
      this.position++;
      left = apply(operator as string, left, this.expression(precedence + 1));
    }
  }

  end(): void {
    if (this.position < this.tokens.length)
      throw new QuantityError(`unexpected "${this.tokens[this.position]}"`);
  }

  private operand(): bigint {
    const token = this.tokens[this.position++];
    if (typeof token === 'bigint') return token;
    if (token === '-') return -this.operand();
    if (token !== '(')
      throw new QuantityError(token === undefined ? 'a number is missing' : `unexpected "${token}"`);
    const value = this.expression(1);
    if (this.tokens[this.position++] !== ')') throw new QuantityError('")" is missing');
    return value;
  }
}

function apply(operator: string, left: bigint, right: bigint): bigint {
  const value = compute(operator, left, right);
  if (value >= LIMIT || value <= -LIMIT) throw new QuantityError('the value is too large');
  return value;
}

function compute(operator: string, left: bigint, right: bigint): bigint {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '<<':
    case '>>':
      if (right < 0n || right > 64n) throw new QuantityError(`cannot shift by ${right}`);
      return operator === '<<' ? left << right : left >> right;
    default:
      if (right === 0n) throw new QuantityError('division by zero');
      return operator === '/' ? left / right : left % right;
  }
}
