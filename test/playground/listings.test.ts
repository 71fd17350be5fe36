/** Long texts and sources as rows, searches in them, and logs beside each other. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareLog } from '../../playground/verify/compare-log.ts';
import { searchRows } from '../../playground/verify/search-rows.ts';
import { SourceListing } from '../../playground/verify/source-listing.ts';
import { TextListing } from '../../playground/verify/text-listing.ts';

describe('a text as lines', () => {
  const lines = fc.array(fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ' ')));

  it('has the lines that it was made of', () => {
    fc.assert(
      fc.property(lines, (texts) => {
        const listing = new TextListing(texts.map((text) => `${text}\n`).join(''));
        expect(listing.rows(0, texts.length + 1)).toEqual(texts);
      }),
    );
  });

  it('finds the line of each byte', () => {
    fc.assert(
      fc.property(lines, (texts) => {
        const listing = new TextListing(texts.join('\n'));
        for (let line = 0; line < listing.length; line++) {
          expect(listing.lineAt(listing.startOf(line))).toBe(line);
          expect(listing.lineAt(listing.startOf(line + 1) - 1)).toBe(line);
        }
      }),
    );
  });

  it('has a last line without its end', () => {
    const listing = new TextListing('one\ntwo');
    expect([listing.length, listing.line(1), listing.line(2)]).toEqual([2, 'two', '']);
    expect(listing.rows(1, 5)).toEqual(['two']);
    expect(listing.rows(7, 5)).toEqual([]);
    expect(listing.lineAt(1000)).toBe(1);
  });

  it('may be empty', () => {
    const listing = new TextListing('');
    expect([listing.length, listing.lineAt(0), listing.rows(0, 3)]).toEqual([0, 0, []]);
  });
});

describe('a search', () => {
  const rows = ['exit', 'call a', 'CALL b', 'r0 = 0'];
  const find = (text: string, from: number, direction: 1 | -1) =>
    searchRows(rows.length, (row) => rows[row] as string, { text, from, direction });

  it('goes on behind a row, and round the end', () => {
    expect([find('call', -1, 1), find('call', 1, 1), find('call', 2, 1)]).toEqual([1, 2, 1]);
  });

  it('goes back, from behind the last row when there is none to begin with', () => {
    expect([find('call', 2, -1), find('call', 1, -1), find('0', -1, -1)]).toEqual([1, 2, 3]);
  });

  it('finds the row that it begins with last', () => {
    expect([find('exit', 0, 1), find('exit', 0, -1)]).toEqual([0, 0]);
  });

  it('finds nothing where there is nothing', () => {
    expect([find('no such', 0, 1), find('', 0, 1)]).toEqual([-1, -1]);
    expect(searchRows(0, () => '', { text: 'x', from: -1, direction: 1 })).toBe(-1);
  });
});

const zeros = (count: number) => new Array<number>(count).fill(0);

describe('two logs', () => {
  // r1 = a map, r2 = a constant, exit
  const insns = Uint8Array.of(0x18, 0x11, ...zeros(14), 0x18, 0x02, ...zeros(14), 0x95, ...zeros(7));
  const compare = (ours: string[], theirs: string) =>
    compareLog(insns, { length: ours.length, line: (row) => ours[row] ?? '' }, theirs);

  it('are the same but for addresses, the time and ends of lines', () => {
    const ours = ['0: (18) r1 = 0xffff888012345678      ; R1_w=map_ptr()', 'verification time 0 usec', ''];
    const theirs =
      '0: (18) r1 = 0xff1100010abcdef0      ; R1_w=map_ptr()\r\nverification time 71 usec\r\n\r\n';
    expect(compare(ours, theirs)).toMatchObject({ equal: true, row: -1 });
    expect(compare([], '')).toMatchObject({ equal: true, same: 0 });
  });

  it('differ in a constant that looks like an address', () => {
    const constant = (value: string) => `before 2: (18) r2 = 0x${value}00000000`;
    expect(compare([constant('ffffffff')], constant('ffff8888'))).toMatchObject({ equal: false });
  });

  it('differ from a line on', () => {
    expect(compare(['a', 'b', 'c'], 'a\nx\nc')).toEqual({
      same: 1,
      equal: false,
      ours: 'b',
      theirs: 'x',
      row: 1,
    });
  });

  it('differ where one of them ends', () => {
    expect(compare(['a', 'b'], 'a\n')).toMatchObject({ same: 1, ours: 'b', theirs: '', row: 1 });
    // The last row of ours is the nearest to what it does not have.
    expect(compare(['a'], 'a\nb')).toMatchObject({ same: 1, ours: '', theirs: 'b', row: 0 });
    expect(compare([], 'a')).toMatchObject({ equal: false, row: -1 });
  });
});

describe('the source of a program', () => {
  const at = (lines: readonly (readonly [file: string, line: number, text: string] | undefined)[]) => ({
    at: (slot: number) => {
      const found = lines[slot];
      return found && { file: found[0], line: found[1], column: 1, text: found[2] };
    },
  });

  it('is the whole file where there is one', () => {
    const info = at([['./programs/a/null.bpf.c', 2, 'two'], undefined, ['vmlinux.h', 1, 'other']]);
    const source = { file: 'a-null.bpf.c', text: 'one\ntwo\nthree' };
    const listing = new SourceListing(3, info, source, undefined);
    expect(listing.file).toBe('a-null.bpf.c');
    expect(listing.rows(0, 9)).toEqual(['one', 'two', 'three']);
    expect([...listing.rowOfSlot]).toEqual([1, -1, -1]);
    expect([...listing.lineOfRow]).toEqual([1, 2, 3]);
  });

  it('is what line info remembers else, with gaps', () => {
    const lines = [
      ['/src/x.c', 9, 'nine'],
      ['/src/x.c', 4, 'four'],
      ['/src/h.h', 1, 'h'],
      undefined,
    ] as const;
    const listing = new SourceListing(5, at([...lines, ['/src/x.c', 5, 'five']]), undefined, undefined);
    expect(listing.file).toBe('x.c');
    expect(listing.rows(0, 9)).toEqual(['four', 'five', '⋮', 'nine']);
    expect([...listing.lineOfRow]).toEqual([4, 5, 0, 9]);
    expect([...listing.rowOfSlot]).toEqual([3, 0, -1, -1, 1]);
  });

  it('takes no line that the file does not have', () => {
    const source = { file: 'assembly', text: 'r0 = 0\nexit' };
    const listing = new SourceListing(3, at([]), source, [1, 2, 77]);
    expect([...listing.rowOfSlot]).toEqual([0, 1, -1]);
  });

  it('is empty where nothing is known', () => {
    const listing = new SourceListing(2, at([]), undefined, undefined);
    expect([listing.length, listing.file, [...listing.rowOfSlot]]).toEqual([0, '', [-1, -1]]);
  });
});
