/** Puts operands into an instruction's fields, checking that they fit. */
import { BadStatement, type Statement, shortened, type Token } from './asm-text.ts';
import type { InsnFields } from './decode.ts';
import type { Operand } from './opcodes.ts';

export class OperandWriter {
  private readonly fields: InsnFields;
  private readonly statement: Statement;
  private token: Token | undefined;

  constructor(fields: InsnFields, statement: Statement) {
    this.fields = fields;
    this.statement = statement;
  }

  /** @param text in place of the token's own */
  write(operand: Operand, token: Token, text = token.text): void {
    const { fields } = this;
    this.token = token;
    switch (operand) {
      case 'dst':
      case 'wdst':
        fields.dst = this.register(text);
        break;
      case 'src':
      case 'wsrc':
        fields.src = this.register(text);
        break;
      case 'off':
      case 'pc':
        fields.offset = this.number(text, -0x8000, 0x7fff);
        break;
      case 'pcimm':
      case 'helper':
        fields.imm = this.number(text, -0x8000_0000, 0x7fff_ffff);
        break;
      case 'kfunc': {
        const [id, fdArraySlot = '0'] = text.split('@') as [string, string?];
        fields.imm = this.number(id, 0, 0x7fff_ffff);
        fields.offset = this.number(fdArraySlot, 0, 0x7fff);
        break;
      }
      case 'imm':
      case 'hex':
        // Hex gives the field's bits; a decimal number above 2^31-1 would silently become negative.
        fields.imm = this.number(text, -0x8000_0000, /0x/i.test(text) ? 0xffff_ffff : 0x7fff_ffff) | 0;
        break;
      case 'immlow':
        fields.imm = (fields.imm & ~0xffff) | this.number(text, 0, 0xffff);
        break;
      case 'immhigh':
        fields.imm = (fields.imm & 0xffff) | (this.number(text, 0, 0xffff) << 16);
        break;
      case 'imm2':
      case 'off2':
        fields.imm2 = this.number(text, 0, 0xffff_ffff) | 0;
        break;
      case 'imm64': {
        const value = this.integer(text, -(2n ** 63n), 2n ** 64n - 1n);
        fields.imm = Number(BigInt.asIntN(32, value));
        fields.imm2 = Number(BigInt.asIntN(32, value >> 32n));
      }
    }
  }

  private register(text: string): number {
    const number = Number(text.slice(1));
    if (number > 10) throw new BadStatement(this.statement, `there is no register ${text}`, this.token);
    return number;
  }

  private number(text: string, low: number, high: number): number {
    return Number(this.integer(text, BigInt(low), BigInt(high)));
  }

  private integer(text: string, low: bigint, high: bigint): bigint {
    const digits = text.replace(/^pc|\s|[+-]/g, '');
    const value = text.includes('-') ? -BigInt(digits) : BigInt(digits);
    if (value >= low && value <= high) return value;
    const reason = `${shortened(text)} does not fit (${low} to ${high})`;
    throw new BadStatement(this.statement, reason, this.token);
  }
}
