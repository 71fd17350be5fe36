/** What bundled objects need, and what kernels have of it. */
import { describe, expect, it } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { readObject } from '../../loader/object-file-node.ts';
import { openKernel } from '../../portability/kernels-node.ts';
import { isCertain } from '../../portability/need.ts';
import { oldestRelease, readNeeds } from '../../portability/object-needs.ts';
import { hasAll, reportOn } from '../../portability/report.ts';
import { packageFile } from './support.ts';

const PROGRAM = 'programs/io_uring_buf/io_uring_buf.bpf.o';
const BVEC = 'programs/bvec/bvec.bpf.o';
const LIMIT = 'test/library/objects/limit.bpf.o';

const needsOf = (path: string, programs?: string[]) =>
  readNeeds(readObject(packageFile(path)), path, programs);

function names(path: string, kind: string, programs?: string[]): string[] {
  return needsOf(path, programs)
    .needs.filter(({ subject }) => subject.kind === kind)
    .map(({ name, isQuestion }) => name + (isQuestion ? '?' : ''));
}

function cell(path: string, kernel: string, name: string, series = false) {
  const { rows } = reportOn(needsOf(path), [openKernel(kernel, series)]);
  const row = rows.find(({ need }) => need.name === name);
  return row?.cells[0];
}

describe('needs of an object', () => {
  it('are read without a kernel', () => {
    expect(names(LIMIT, 'program-type')).toEqual(['xdp']);
    expect(names(LIMIT, 'map-type')).toEqual(['hash', 'array']);
    expect(names(LIMIT, 'kfunc')).toEqual(['bpf_preempt_disable', 'bpf_preempt_enable']);
    expect(names(PROGRAM, 'attach-target')).toEqual(['iter/io_uring_buf']);
  });

  it('are those of the chosen programs, and of the object as a whole', () => {
    expect(names(LIMIT, 'helper', ['without_preemption'])).not.toContain('bpf_map_lookup_elem');
    expect(names(LIMIT, 'map-type', ['without_preemption'])).toEqual(['hash', 'array']);
  });

  it('tell a field that the program asks about from one that it takes', () => {
    expect(names(BVEC, 'field')).toEqual(
      expect.arrayContaining(['struct io_mapped_ubuf.ubuf_end?', 'struct io_mapped_ubuf.ubuf_end']),
    );
  });

  it('behind a question are not certain', () => {
    const { needs } = needsOf(BVEC);
    const field = (name: string) => needs.find((need) => need.name === name && !need.isQuestion);
    expect(isCertain(field('struct io_mapped_ubuf.len') ?? { uses: [] })).toBe(false);
    expect(isCertain(field('struct io_mapped_ubuf.ubuf') ?? { uses: [] })).toBe(true);
  });

  it('have a place in the source', () => {
    const helper = needsOf(LIMIT).needs.find(({ name }) => name === 'bpf_ktime_get_ns');
    expect(helper?.uses[0]?.source?.file).toMatch(/limit\.bpf\.c$/);
  });

  it('give the oldest release and the instruction set', () => {
    const { needs } = needsOf('test/loader/objects/link.v4.bpf.o');
    expect(oldestRelease(needs)).toBe('6.6');
    expect(reportOn(needsOf('test/loader/objects/link.v4.bpf.o'), []).level).toMatchObject({
      level: 4,
      instruction: 'movsx',
    });
    expect(reportOn(needsOf('test/loader/objects/link.v2.bpf.o'), []).level.level).toBe(1);
  });

  it('of a program that there is not are an input error', () => {
    expect(() => needsOf(LIMIT, ['nothing'])).toThrow(InputError);
  });
});

describe('kernels', () => {
  it('with tables say what a program may call', () => {
    expect(cell(LIMIT, '6.12', 'bpf_ktime_get_ns')?.has).toBe('yes');
    expect(cell(LIMIT, '6.12', 'bpf_preempt_disable')?.has).toBe('yes');
  });

  it('without them do not guess', () => {
    expect(cell(LIMIT, '5.10', 'bpf_ktime_get_ns')?.has).toBe('exists');
    expect(cell(LIMIT, '5.10', 'bpf_preempt_disable')?.has).toBe('unknown');
    expect(cell(LIMIT, '4.7', 'xdp')?.has).toBe('no');
  });

  it('that were made of some types say "no" by none', () => {
    expect(cell('programs/task/task.bpf.o', '5.16+series', 'iter/task')?.has).not.toBe('no');
    expect(cell(LIMIT, '5.16+series', 'bpf_preempt_disable')?.has).toBe('unknown');
  });

  it('have the iterators of the series when that is asked for', () => {
    expect(cell(PROGRAM, '6.12', 'iter/io_uring_buf')?.has).toBe('no');
    expect(cell(PROGRAM, '6.12', 'iter/io_uring_buf', true)?.has).toBe('yes');
  });

  it('take an object that asks which names its fields have', () => {
    const kernels = ['6.1', '6.12'].map((name) => openKernel(name, true));
    const report = reportOn(needsOf(BVEC), kernels);
    expect(kernels.map(({ name }) => hasAll(report, name))).toEqual([true, true]);
  });

  it('that there are not are an input error', () => {
    expect(() => openKernel('nothing', false)).toThrow(InputError);
  });
});
