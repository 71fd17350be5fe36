/** Reading kernel profiles out of boot images: small synthetic kernels, and hostile ones. */
import { describe, expect, it } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { MAX_KERNEL_BYTES, unpackKernel } from '../../kernel-model/extract/bzimage.ts';
import { extractProfile } from '../../kernel-model/extract/extract.ts';
import { readSymbols } from '../../kernel-model/extract/kallsyms.ts';
import { KernelImage } from '../../kernel-model/extract/kernel-image.ts';
import { closest, versionCode } from '../../kernel-model/extract/profile-files.ts';
import { SymbolNames } from '../../kernel-model/symbol-names.ts';
import { BSS, bootImage, FORMS, gzipImage, KernelBuilder, type SymbolForm, TEXT } from './kernel-builder.ts';
import { TYPES, tinyKernel } from './tiny-kernel.ts';

const FORM = FORMS[0] as SymbolForm;
function tables(builder: KernelBuilder, form = FORM): { [file: string]: unknown } {
  const { files } = extractProfile(gzipImage(builder.elf(form)));
  return Object.fromEntries([...files].map(([file, text]) => [file, JSON.parse(text)]));
}

describe('a small kernel', () => {
  const extracted = extractProfile(gzipImage(tinyKernel().elf(FORM)), 'vmlinuz');
  const read = (file: string): unknown => JSON.parse(extracted.files.get(file) ?? '');

  it('gives its types byte for byte, and its version', () => {
    expect(Buffer.from(extracted.btf).equals(Buffer.from(TYPES))).toBe(true);
    expect(extracted.release).toBe('6.12.117+tiny');
    expect(extracted.version).toBe('6.12.117');
  });

  it('gives helpers and their prototypes', () => {
    const { names, protos } = read('helpers.json') as { names: string[]; protos: object };
    expect(names.slice(0, 3)).toEqual(['unspec', 'map_lookup_elem', 'map_update_elem']);
    expect(protos).toEqual({
      bpf_seq_write_proto: {
        func: 'bpf_seq_write',
        gpl: true,
        args: ['ARG_PTR_TO_BTF_ID', 'ARG_PTR_TO_MEM|MEM_RDONLY', 'ARG_CONST_SIZE_OR_ZERO'],
        ret: 'RET_INTEGER',
        argTypes: { 1: 'seq_file' },
      },
      bpf_strtol_proto: {
        func: 'bpf_strtol',
        packet: true,
        sleeps: true,
        fastcall: true,
        args: ['ARG_PTR_TO_MEM|MEM_FIXED_SIZE'],
        argSizes: { 1: 8 },
        ret: 'RET_PTR_TO_MAP_VALUE|PTR_MAYBE_NULL',
        allowed: 'bpf_strtol_allowed',
      },
      bpf_tail_call_proto: { args: ['ARG_PTR_TO_CTX'], ret: 'RET_VOID' },
      bpf_tcp_send_ack_proto: {
        func: 'bpf_tcp_send_ack',
        args: ['ARG_PTR_TO_BTF_ID', 'ARG_KPTR_XCHG_DEST'],
        ret: 'RET_INTEGER',
        argTypes: { 1: 'tcp_sock', 2: '*' },
      },
    });
  });

  it('gives register tables', () => {
    expect(read('registers.json')).toEqual({
      accepts: { ARG_PTR_TO_MEM: ['PTR_TO_STACK', 'PTR_TO_BTF_ID|PTR_TRUSTED'] },
      structs: { PTR_TO_SOCKET: 'sock' },
    });
  });

  it('gives kfuncs, id sets and lists', () => {
    expect(read('kfuncs.json')).toEqual({
      sets: {
        some_kfunc_ids: {
          filter: 'some_filter',
          kfuncs: { bpf_task_acquire: 'ACQUIRE|RET_NULL|RCU', bpf_task_release: 'RELEASE' },
        },
        common_ids: { kfuncs: { bpf_rcu_read_lock: '' } },
      },
      destructors: { cgroup: 'bpf_task_release_dtor' },
    });
    expect(read('btf-ids.json')).toEqual({
      sets: { bpf_lsm_hooks: ['bpf_lsm_bpf', 'bpf_lsm_file_open'] },
      lists: { btf_sock_ids: ['sock'], special_kfunc_list: ['bpf_task_release', 'bpf_rcu_read_lock'] },
    });
  });

  it('gives iterators, struct_ops and tracepoints', () => {
    expect(read('iters.json')).toEqual({
      task_file: { features: 1, args: [{ offset: 24, reg: 'PTR_TO_BTF_ID|PTR_MAYBE_NULL', type: 'file' }] },
    });
    expect(read('struct-ops.json')).toEqual({ bpf_dummy_ops: { members: ['test_1', 'test_sleepable'] } });
    expect(read('tracepoints.json')).toEqual({
      sched_switch: { nullArgs: '0x21' },
      nbd_send: { template: 'nbd_template', writable: 28 },
    });
  });

  it('gives the types of maps and programs', () => {
    expect(read('types.json')).toEqual({
      maps: { array: { struct: 'bpf_array', ops: ['map_lookup_elem', 'map_direct_value_addr'] } },
      programs: ['socket_filter', 'sched_cls'],
    });
    expect(read('trusted-fields.json')).toMatchObject({
      safe_rcu: { task_struct: ['cpus_ptr', 'cgroups', 'real_parent', 'group_leader'] },
      safe_trusted: {},
    });
    const { withoutAddress } = read('functions.json') as { withoutAddress: string[] };
    expect(withoutAddress).toContain('vfs_open');
  });

  it('gives the names of its symbols', () => {
    const names = SymbolNames.parse(extracted.symbols, 'symbols');
    expect(names.find('linux_banner')).toBe('one');
    expect(names.find('no_such_symbol')).toBeUndefined();
  });

  it('may have helpers without a function, which its verifier replaces', () => {
    const { 'helpers.json': helpers } = tables(
      tinyKernel((builder) => {
        builder.object('bpf_loop_proto', 'bpf_func_proto', { 'arg_type[0]': 1, ret_type: 1 });
      }),
    ) as { 'helpers.json': { protos: { [name: string]: object } } };
    expect(Object.keys(helpers.protos)).toContain('bpf_loop_proto');
    expect(Object.keys(helpers.protos)).not.toContain('bpf_configured_out_proto');
  });

  it('is the same from the ELF file, and each time', () => {
    const again = extractProfile(tinyKernel().elf(FORM));
    expect([...again.files]).toEqual([...extracted.files]);
  });
});

describe('symbol tables', () => {
  it.each(FORMS)('are found in the form $offsets, per-CPU absolute: $absolutePercpu', (form) => {
    const builder = tinyKernel();
    const symbols = readSymbols(KernelImage.parse(builder.elf(form)));
    const expected = builder.symbols.filter(({ address }) => form.absolutePercpu || address >= TEXT);
    const usable = symbols.symbols.filter(({ name }) => name !== 'cpu_number' || form.absolutePercpu);
    expect(usable.length).toBe(expected.length);
    for (const { name, kind, address } of expected) {
      expect(symbols.all(name)).toContainEqual({ name, kind, address });
    }
    expect(symbols.at(TEXT)).toEqual(expect.arrayContaining(['_text', '_stext']));
    expect(symbols.room(TEXT)).toBe(16);
    expect(symbols.address('tcp_sock_id')).toBe(BSS);
    expect(symbols.address('nothing')).toBeUndefined();
  });

  it('are found when there are fewer symbols than one block holds', () => {
    const builder = new KernelBuilder(TYPES);
    builder.func('_text');
    builder.func('_etext');
    const names = readSymbols(KernelImage.parse(builder.elf(FORM))).symbols.map(({ name }) => name);
    expect(names).toEqual(['_text', '_etext']);
  });

  it('give the same tables in every form', () => {
    const wanted = tables(tinyKernel());
    const builder = tinyKernel();
    const percpu = builder.symbols.findIndex(({ name }) => name === 'cpu_number');
    builder.symbols.splice(percpu, 1);
    for (const form of FORMS) expect(tables(builder, form)).toEqual(wanted);
  });
});

describe('what cannot be used', () => {
  const elf = tinyKernel().elf(FORM);
  const image = gzipImage(elf);
  const refuse = (bytes: Uint8Array) => expect(() => extractProfile(bytes, 'k'));

  it('is refused with its reason and place', () => {
    refuse(new Uint8Array(0)).toThrow(/k, offset 0x0: too short for a kernel image/);
    refuse(new Uint8Array(4096)).toThrow(/k, offset 0x202: neither an x86 boot image/);
    refuse(bootImage(new TextEncoder().encode('BZh91AY&SY more'))).toThrow(
      /packed by bzip2; known: gzip, zstd/,
    );
    refuse(bootImage(new Uint8Array(64))).toThrow(/packed in an unknown way/);
    refuse(bootImage(new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3, 4, 255, 255, 255, 255]))).toThrow(
      /the zstd payload claims 4294967295 bytes/,
    );
    refuse(bootImage(new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3, 4, 9, 0, 0, 0]))).toThrow(
      /damaged zstd payload/,
    );
    refuse(image.subarray(0, image.length - 200)).toThrow(/reaches past the end/);
    const old = image.slice();
    old[0x206] = 2;
    old[0x207] = 2;
    refuse(old).toThrow(/boot protocol 0x202 is older than 2.08/);
    const arm = elf.slice();
    arm[18] = 183;
    refuse(arm).toThrow(/not a kernel for x86-64/);
    refuse(elf.subarray(0, 60)).toThrow(/the ELF header is cut off/);
    refuse(elf.subarray(0, 4000)).toThrow(/the section table is cut off/);
  });

  it('lacks types, symbols, or what a profile is made of', () => {
    const nameless = Buffer.from(elf);
    nameless.write('.BTX', nameless.lastIndexOf('.BTF'));
    refuse(nameless).toThrow(/no type information \(CONFIG_DEBUG_INFO_BTF\)/);
    const builder = new KernelBuilder(TYPES);
    builder.func('_text');
    refuse(builder.elf(FORM)).toThrow(/no helper prototypes found: .*CONFIG_KALLSYMS_ALL/);
    const blank = elf.slice();
    const at = Buffer.from(blank).indexOf(new Uint8Array([0x30, 0, 0x31, 0, 0x32, 0, 0x33, 0]));
    blank.fill(0xff, at, at + 8);
    refuse(blank).toThrow(/no symbol table found/);
    refuse(
      tinyKernel((b) => {
        b.object('bpf_bad_proto', 'bpf_func_proto', {
          func: TEXT,
          'arg_type[0]': b.value('bpf_arg_type', 'ARG_PTR_TO_BTF_ID'),
          'arg_btf_id[0]': b.words([0x7fff_ffff]),
        });
      }).elf(FORM),
    ).toThrow(/a helper refers to BTF type 2147483647/);
    refuse(
      tinyKernel((b) => b.symbol('__BTF_ID__set__huge__1', 'r', b.words([0xffff_ffff]))).elf(FORM),
    ).toThrow(/BTF id set huge claims 4294967295 entries/);
  });

  it('keeps to its limit in memory', () => {
    const big = new Uint8Array(MAX_KERNEL_BYTES + 1);
    big.set([0x7f, 0x45, 0x4c, 0x46]);
    expect(() => unpackKernel(big)).toThrow(/larger than 256 MiB/);
  });

  it('ends in a profile or a typed error, whatever bytes are changed', () => {
    const random = generator(1);
    const outcomes = { ok: 0, refused: 0 };
    for (let round = 0; round < 400; round++) {
      const hostile = elf.slice(0, random(20) === 0 ? random(elf.length) : elf.length);
      for (let changes = 1 + random(6); changes > 0; changes--) mutate(hostile, random);
      try {
        extractProfile(hostile, 'hostile');
        outcomes.ok++;
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        outcomes.refused++;
      }
    }
    expect(outcomes.ok).toBeGreaterThan(10);
    expect(outcomes.refused).toBeGreaterThan(100);
  });

  it('does not keep the search for symbols busy', () => {
    // every 20 bytes something that looks like a token table, and long runs that look like markers
    const builder = new KernelBuilder(TYPES);
    builder.func('_text');
    const digits = Uint8Array.from({ length: 400_000 }, (_, i) => (i % 2 === 0 ? 0x30 + ((i / 2) % 10) : 0));
    builder.place(digits);
    builder.words(Array.from({ length: 50_000 }, (_, i) => i * 600));
    builder.place(digits);
    const start = process.cpuUsage().user;
    const names = readSymbols(KernelImage.parse(builder.elf(FORM))).symbols.map(({ name }) => name);
    expect(names).toEqual(['_text']);
    expect(process.cpuUsage().user - start).toBeLessThan(5_000_000);
  });
});

describe('versions', () => {
  it('are numbers of LINUX_VERSION_CODE', () => {
    expect(versionCode('6.12.117')).toBe(396405);
    expect(versionCode('5.4')).toBe(0x50400);
    expect(versionCode('4.9.337')).toBe(0x409ff);
  });

  it('nearest to each other lend their tables', () => {
    const known = [
      { name: '6.1', versionCode: versionCode('6.1') },
      { name: '6.12', versionCode: versionCode('6.12') },
    ];
    expect(closest('6.2', known).name).toBe('6.1');
    expect(closest('6.18', known).name).toBe('6.12');
    expect(() => closest('6.18', [])).toThrow(InputError);
  });
});

/** Numbers below a limit, the same each time (a linear congruential generator). */
function generator(seed: number): (limit: number) => number {
  let state = BigInt(seed);
  return (limit) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffff_ffff_ffff_ffffn;
    return Number((state >> 33n) % BigInt(limit));
  };
}

function mutate(bytes: Uint8Array, random: (limit: number) => number): void {
  if (bytes.length === 0) return;
  const at = random(bytes.length);
  switch (random(4)) {
    case 0:
      bytes[at] = random(256);
      break;
    case 1:
      bytes.fill(255, at, at + 8);
      break;
    case 2:
      bytes.copyWithin(at, random(bytes.length), random(bytes.length));
      break;
    default:
      // headers and section tables decide more than their share of the bytes
      bytes[(random(2) === 0 ? 0 : Math.max(0, bytes.length - 448)) + random(Math.min(448, bytes.length))] =
        random(256);
  }
}
