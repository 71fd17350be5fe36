import { describe, expect, it } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { openProfile, openSymbolNames } from '../../kernel-model/profile-node.ts';
import { SymbolAddresses } from '../../kernel-model/symbol-addresses.ts';
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
    expect(openSymbolNames('5.16+series')).toBeUndefined();
    expect(() => openSymbolNames('7.0')).toThrow(InputError);
  });
});

describe('addresses', () => {
  const open = (kernel: string) =>
    new SymbolAddresses([openProfile(kernel).vmlinux], () => openSymbolNames(kernel));

  it('are there for symbols with a type and without one', () => {
    const symbols = open('6.12');
    for (const name of ['vfs_open', 'runqueues', 'eventfd_fops', 'socket_file_ops', 'jiffies']) {
      expect(symbols.find(name), name).toBeGreaterThan(0xffff_ffff_8000_0000n);
    }
    for (const name of ['', 'no_such_symbol', 'eventfd_fops2'])
      expect(symbols.find(name), name).toBeUndefined();
  });

  it('differ, and are the same ones each time', () => {
    const symbols = open('6.12');
    const file = symbols.find('eventfd_fops');
    expect(symbols.find('io_uring_fops')).not.toBe(file);
    expect(symbols.find('eventfd_fops')).toBe(file);
  });

  it('are those of symbols with a type where the profile has no list', () => {
    const symbols = new SymbolAddresses([openProfile('6.1').vmlinux], () => undefined);
    expect(symbols.find('vfs_open')).toBeDefined();
    expect(symbols.find('eventfd_fops')).toBeUndefined();
  });
});
