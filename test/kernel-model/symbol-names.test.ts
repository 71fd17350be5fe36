import { describe, expect, it } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { openSymbolNames } from '../../kernel-model/profile-node.ts';
import { SymbolNames, writeSymbolNames } from '../../kernel-model/symbol-names.ts';

const SYMBOLS = [
  { name: 'start_kernel', address: 1n },
  { name: '__pfx_start_kernel', address: 0n },
  { name: 'type_show', address: 2n },
  { name: 'type_show', address: 3n },
  { name: '__pfx_type_show', address: 4n },
  { name: 'alias', address: 5n },
  { name: 'alias', address: 5n },
  { name: '__pfx_of_nothing', address: 6n },
];

describe('names of symbols', () => {
  const text = writeSymbolNames(SYMBOLS);
  const names = SymbolNames.parse(text, 'symbols');

  it('are sorted, the paddings of functions folded into them', () => {
    expect(text).toBe('__pfx_of_nothing\n__pfx_type_show\nalias\nstart_kernel+\ntype_show*\n');
  });

  it('come back as they were', () => {
    expect(names.size).toBe(6);
    for (const { name } of SYMBOLS) {
      expect(names.find(name)).toBe(name === 'type_show' ? 'several' : 'one');
    }
    expect(names.find('no_such_symbol')).toBeUndefined();
    expect(names.find('')).toBeUndefined();
    expect(names.find('start_kernel+')).toBeUndefined();
  });

  it.each(['a b', 'a+*', '*', 'a**'])('are not "%s"', (line) => {
    expect(() => SymbolNames.parse(`good\n${line}\n`, 'symbols')).toThrow(InputError);
  });
});

describe('the symbols of 6.12', () => {
  const names = openSymbolNames('6.12');

  it('are all that the kernel lists', () => {
    expect(names?.size).toBe(148055);
    expect(names?.find('linux_banner')).toBe('one');
    expect(names?.find('__pfx_do_exit')).toBe('one');
    expect(names?.find('type_show')).toBe('several');
    expect(names?.find('bpf_testmod_test_read')).toBeUndefined();
  });

  it('are not known of every kernel', () => {
    expect(openSymbolNames('6.1')).toBeUndefined();
    expect(() => openSymbolNames('7.0')).toThrow(InputError);
  });
});
