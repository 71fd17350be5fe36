/** The format: what is read, what is refused and where. */
import { beforeAll, describe, expect, it } from 'vitest';
import { AssemblyFailure, assembledRequest, parseAssembly } from '../../assembly/index.ts';
import { MAP_TYPES } from '../../assembly/map-types.ts';
import { assemble } from '../../bpf/asm.ts';
import { BtfKind } from '../../bpf/btf.ts';
import { disassemble } from '../../bpf/disasm.ts';
import { InputError } from '../../bpf/input-error.ts';
import type { LoadOptions } from '../../loader/index.ts';
import { TEMPLATES } from '../../playground/assembly/templates.ts';
import { createVerifier } from '../../verifier/node.ts';
import { kernelOptions, ROOT, STATS } from './support.ts';

const END = '\nr0 = 0\nexit\n';
const root = { caps: ROOT, logLevel: STATS };

describe('directives', () => {
  it('say what a program is', () => {
    const text = `.section "cgroup/connect4"   ; comment
.license "Dual BSD/GPL"
.flags sleepable|test_state_freq
.map counts hash key 4 value 8 entries 0x10 flags no_prealloc
.map ring ringbuf entries 4096
r1 = map[ring]
r2 = map[counts]${END}`;
    const source = parseAssembly(text);
    expect(source.errors).toEqual([]);
    const request = assembledRequest(source, root);
    expect(request).toMatchObject({
      progType: 18,
      expectedAttachType: 10,
      progFlags: 0x18,
      license: 'Dual BSD/GPL',
      attachBtfId: 0,
    });
    expect(request.maps).toEqual([
      expect.objectContaining({
        name: 'counts',
        type: 1,
        keySize: 4,
        valueSize: 8,
        maxEntries: 16,
        flags: 1,
      }),
      expect.objectContaining({ name: 'ring', type: 27, keySize: 0, valueSize: 0, maxEntries: 4096 }),
    ]);
    expect(disassemble(request.insns)).toEqual(['r1 = map[1]', 'r2 = map[0]', 'r0 = 0', 'exit']);
  });

  it('fill the value of a map', () => {
    const text = `.type xdp
.map text array value 12 entries 1 flags rdonly_prog frozen
.data text "a;\\"\\\\\\0" "\\x7f"
.data text "ü"
r1 = map[text][0]
r1 = map[text][0] + 0x8
r1 = map[text][0]+3${END}`;
    const source = parseAssembly(text);
    expect(source.errors).toEqual([]);
    const [map] = source.maps;
    expect(map).toMatchObject({ keySize: 4, frozen: true, flags: 128 });
    expect([...map!.data!]).toEqual([97, 59, 34, 92, 0, 127, 0xc3, 0xbc, 0, 0, 0, 0]);
    expect(disassemble(source.insns).slice(0, 3)).toEqual([
      'r1 = map[0][0]+0',
      'r1 = map[0][0]+8',
      'r1 = map[0][0]+3',
    ]);
  });

  it('put maps into maps, whichever is named first', () => {
    const text = `.type xdp\n.map outer array_of_maps entries 2 inner one\n.map one array value 8 entries 1${END}`;
    expect(parseAssembly(text).errors).toEqual([]);
    expect(parseAssembly(text).maps[0]).toMatchObject({ inner: 1, valueSize: 4 });
  });

  it('know the line of every slot', () => {
    const source = parseAssembly('.type xdp\n\nr0 = 1 ll ; two\n; none\nagain:\nr0 = 0\nexit');
    expect(source.lineOfSlot).toEqual([3, 3, 6, 7]);
    expect(source.labels).toEqual(new Map([['again', 2]]));
  });

  it('tell directives from labels that begin with a dot', () => {
    const source = parseAssembly('.type xdp\n.L1: r0 = 0\n.type: goto .L2\n.L2:\nexit');
    expect(source.errors).toEqual([]);
    expect([...source.labels.keys()]).toEqual(['.L1', '.type', '.L2']);
  });
});

describe('errors', () => {
  it.each<[text: string, line: number, columns: [number, number], message: RegExp]>([
    ['  r1 += r2 r3', 1, [12, 14], /^not an instruction: here stands the end of the line$/],
    ['r11 = 0', 1, [1, 4], /there is no register r11/],
    ['a: b:\tr1 = 4294967295', 1, [12, 22], /4294967295 does not fit/],
    ['if r1 == 0 goto again', 1, [17, 22], /label again is not defined/],
    ['  goto strt\n  start: exit', 1, [8, 12], /label strt is not defined; did you mean start\?/],
    ['call bpf_map_lookup_elm', 1, [6, 24], /did you mean bpf_map_lookup_elem/],
    ['call my_kfunc', 1, [6, 14], /neither a label nor a helper.*\.kfunc my_kfunc/],
    ['exitt', 1, [1, 6], /not an instruction; did you mean exit\?/],
    ['r1 = map[cnts]', 1, [10, 14], /map cnts is not defined; there are counts/],
    ['  12: (b7) r1 = 1 2', 1, [19, 20], /not an instruction/],
    ['x: exit\n x: exit', 2, [2, 3], /label x is defined twice/],
    ['*(u8 *)(r1 + 32768) = 0', 1, [12, 19], /does not fit/],
    ['.map', 1, [1, 5], /a name is missing/],
    ['.map m hsh key 4', 1, [8, 11], /there is no map type hsh; did you mean hash\?/],
    ['.map m hash key 4', 1, [6, 7], /map m needs value and entries/],
    ['.map m hash key four value 8 entries 1', 1, [17, 21], /four is not a number/],
    ['.map m hash key 4 value 0x100000000 entries 1', 1, [25, 36], /does not fit/],
    ['.map m ringbuf entries 0', 1, [6, 7], /has no entries/],
    ['.map counts ringbuf entries 1', 1, [6, 12], /map counts is defined twice/],
    ['.map m ringbuf entires 1', 1, [16, 23], /did you mean entries\?/],
    ['.map 1 ringbuf', 1, [6, 7], /is no name of a map/],
    ['.map m array_of_maps entries 1 inner n', 1, [38, 39], /map n is not defined/],
    ['.data nothing "x"', 1, [7, 14], /map nothing is not defined/],
    ['.data counts "123456789"', 1, [14, 25], /9 bytes do not fit into the 8 of a value/],
    ['.data counts "\\q"', 1, [14, 18], /\\q is no escape/],
    ['.data counts "x', 1, [14, 16], /quotes are not closed/],
    ['.flags sleepabel', 1, [8, 17], /there is no flag sleepabel; did you mean sleepable/],
    ['.type xdp', 1, [7, 10], /has a type already/],
    ['.licence GPL', 1, [1, 9], /there is no directive \.licence; did you mean \.license/],
  ])('%j', (text, line, columns, message) => {
    const before = '.type xdp\n.map counts hash key 4 value 8 entries 1\nr0 = 0\n';
    const { errors } = parseAssembly(before + text);
    const [first] = errors;
    expect(errors).toHaveLength(1);
    expect(first!.message).toMatch(message);
    expect([first!.line - 3, first!.column, first!.endColumn]).toEqual([line, ...columns]);
  });

  it.each([
    ['.type xdpp', /there is no program type xdpp; did you mean xdp/],
    ['.section "kprob/x"', /there is no program type kprob\/x; did you mean kprobe/],
    ['; nothing', /say which type of program this is/],
  ])('%j', (text, message) => {
    expect(parseAssembly(`${text}${END}`).errors).toEqual([
      expect.objectContaining({ line: 1, message: expect.stringMatching(message) }),
    ]);
  });

  it('are all reported, by line, up to a hundred', () => {
    const { errors } = parseAssembly('.type xdp\nbad\nr0 = 0\n.nope\ngoto gone\nexit\nr12 = r13');
    expect(errors.map(({ line }) => line)).toEqual([2, 4, 5, 7]);
    expect(parseAssembly('bad\n'.repeat(1000)).errors).toHaveLength(100);
    expect(parseAssembly('.bad\n'.repeat(1000)).errors).toHaveLength(100);
  });

  it('are an exception when the program is wanted all the same', () => {
    const source = parseAssembly('.type xdp\nr0 = 0\n  bad\nexit\nworse');
    try {
      assembledRequest(source, root);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(InputError);
      const failure = error as AssemblyFailure;
      expect(failure.message).toMatch(/^line 3, column 3: not an instruction/);
      expect([failure.line, failure.column, failure.errors.length]).toEqual([3, 3, 2]);
    }
  });

  it('stay those of assemble() for text without directives', () => {
    expect(() => assemble('r0 = 0\nr1 = map[counts]')).toThrow(
      'line 2: map counts is not defined: r1 = map[counts]',
    );
  });
});

describe('with a kernel', () => {
  let kernel: LoadOptions;
  beforeAll(() => {
    kernel = kernelOptions();
  });
  const request = (text: string) => assembledRequest(parseAssembly(text), { ...root, kernel });

  it('knows its map types', () => {
    const btf = kernel.kernelBtf!;
    const { values } = btf.type(btf.find('bpf_map_type', BtfKind.Enum));
    const named = new Map(
      values.map(({ name, value }) => [name.replace('BPF_MAP_TYPE_', '').toLowerCase(), value]),
    );
    for (const { name, number } of MAP_TYPES) {
      const old = {
        cgroup_storage: 'cgroup_storage_deprecated',
        percpu_cgroup_storage: 'percpu_cgroup_storage_deprecated',
      };
      expect(Number(named.get(name) ?? named.get(old[name as keyof typeof old])), name).toBe(number);
    }
    expect(MAP_TYPES.length).toBe(Math.max(...MAP_TYPES.map((row) => row.number)));
  });

  it('finds what programs attach to', () => {
    const { attachBtfId, expectedAttachType } = request(`.section "iter/task"${END}`);
    expect(kernel.kernelBtf!.name(attachBtfId)).toBe('bpf_iter_task');
    expect(expectedAttachType).toBe(28);
    expect(kernel.kernelBtf!.name(request(`.type fentry/bpf_prog_load${END}`).attachBtfId)).toBe(
      'bpf_prog_load',
    );
  });

  it.each([
    ['.section "iter/tasks"', /^line 1, column 10: failed to find kernel BTF type ID of 'tasks': -3$/],
    ['.section "iter"', /no BTF-based attach target is specified/],
    ['.section "freplace/f"', /attach program FD is not set/],
    ['.section "struct_ops/x"', /struct_ops programs need the types of an object/],
    ['.type xdp\n.kfunc bpf_nothing', /^line 2, column 8: there is no function bpf_nothing in the kernel/],
  ])('%s', (text, message) => {
    expect(() => request(text + END)).toThrow(message);
    expect(() => request(text + END)).toThrow(AssemblyFailure);
  });

  it('says when there is none', () => {
    expect(() => assembledRequest(parseAssembly(`.section "iter/task"${END}`), root)).toThrow(
      /needs the BTF of a kernel/,
    );
    expect(() => assembledRequest(parseAssembly(`.type xdp\n.kfunc f${END}`), root)).toThrow(
      /needs the types of a kernel/,
    );
  });

  it('numbers the functions of the kernel that are called', async () => {
    const text = `.section "tp_btf/task_newtask"
.license GPL
.kfunc bpf_task_acquire
.kfunc bpf_task_release
  r1 = *(u64 *)(r1 + 0)
  call bpf_task_acquire
  if r0 == 0 goto out
  r1 = r0
  call bpf_task_release
out:
  r0 = 0
  exit`;
    const made = request(text);
    const btf = kernel.kernelBtf!;
    const id = (name: string) => btf.find(name, BtfKind.Func);
    expect(disassemble(made.insns).filter((line) => line.startsWith('call'))).toEqual([
      `call kfunc#${id('bpf_task_acquire')}`,
      `call kfunc#${id('bpf_task_release')}`,
    ]);
    const verifier = await createVerifier('6.12');
    expect(verifier.verify(made)).toMatchObject({ accepted: true, message: '' });
    const leaking = request(text.replace('  r1 = r0\n  call bpf_task_release\n', ''));
    expect(verifier.verify(leaking).message).toMatch(/Unreleased reference|leak/);
  });

  it('gives callbacks types, unless the task may not load any', () => {
    const { text } = TEMPLATES.find(({ name }) => name.includes('Callback'))!;
    expect(request(text).funcInfo.map(({ insn }) => insn)).toEqual([0, 10]);
    const without = assembledRequest(parseAssembly(text), { caps: 0, logLevel: STATS });
    expect([without.funcInfo, without.progBtf]).toEqual([[], undefined]);
  });
});
