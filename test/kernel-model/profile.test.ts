import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { Btf, BtfKind } from '../../bpf/btf.ts';
import { InputError } from '../../bpf/input-error.ts';
import { parseDialect } from '../../kernel-model/dialect.ts';
import { type RecordedField, synthesiseBtf } from '../../kernel-model/extract/synthesise.ts';
import { Layout } from '../../kernel-model/layout.ts';
import { KernelProfile } from '../../kernel-model/profile.ts';
import { openProfile, profileNames } from '../../kernel-model/profile-node.ts';

const folder = new URL('../../kernel-model/profiles/', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, folder));
const json = (path: string) => JSON.parse(read(path).toString());

test('the built-in kernels, oldest first', () => {
  expect(profileNames()).toEqual(['5.16+series', '6.1', '6.12']);
});

test('an unknown kernel is an input error that names the known ones', () => {
  expect(() => openProfile('2.4')).toThrow(/unknown kernel "2.4"; known: 5.16\+series, 6.1, 6.12/);
});

describe.each(profileNames())('kernel %s', (name) => {
  const profile = openProfile(name);

  test('is opened once', () => expect(openProfile(name)).toBe(profile));

  test('has the types that programs of the series use', () => {
    for (const struct of [
      'task_struct files_struct fdtable file path dentry inode super_block vfsmount mount mm_struct vm_area_struct',
      'io_ring_ctx io_mapped_ubuf bio_vec page io_rings io_sq_data io_rsrc_data io_restriction io_fixed_file',
      'eventfd_ctx eventpoll epitem seq_file bpf_iter_meta cred group_info pid upid nsproxy signal_struct fs_struct',
      'user_struct pipe_inode_info socket bpf_map mutex rw_semaphore list_head rb_node xarray address_space',
      'bpf_iter__task bpf_iter__task_file bpf_iter__task_vma bpf_iter__bpf_map bpf_iter__bpf_map_elem',
      'bpf_iter__io_uring_buf bpf_iter__io_uring_file bpf_iter__epoll bpf_io_uring_seq_info bpf_epoll_iter_seq_info',
    ].flatMap((line) => line.split(' '))) {
      expect(profile.findLayout(struct), struct).toBeDefined();
    }
  });

  test('has the target functions of all iterators, with their arguments', () => {
    const params = (target: string) => {
      const func = profile.btf.type(profile.btf.find(`bpf_iter_${target}`, BtfKind.Func));
      return profile.btf.type(func.type).params.map(({ name: param }) => param);
    };
    expect(params('io_uring_buf')).toEqual(['meta', 'ctx', 'ubuf', 'index']);
    expect(params('io_uring_file')).toEqual(['meta', 'ctx', 'file', 'index']);
    expect(params('epoll')).toEqual(['meta', 'ep', 'epi']);
    expect(params('task')).toEqual(['meta', 'task']);
    expect(params('task_file')).toEqual(['meta', 'task', 'fd', 'file']);
    expect(params('task_vma')).toEqual(['meta', 'task', 'vma']);
    expect(params('bpf_map')).toEqual(['meta', 'map']);
    expect(params('bpf_map_elem')).toEqual(['meta', 'map', 'key', 'value']);
  });

  test('keeps the overlay apart from vmlinux', () => {
    const id = profile.btf.find('bpf_iter_epoll', BtfKind.Func);
    expect(id).toBeGreaterThanOrEqual(profile.vmlinux.typeCount);
    expect(profile.vmlinux.find('bpf_iter_epoll')).toBe(0);
  });

  test('records of the series stand where the patches put them', () => {
    const at = (struct: string, member: string) => profile.layout(struct).offset(member);
    expect(profile.layout('bpf_iter__io_uring_buf').size).toBe(32);
    expect(at('bpf_iter__io_uring_buf', 'ubuf')).toBe(16);
    expect(at('bpf_iter__io_uring_file', 'index')).toBe(24);
    expect(profile.layout('bpf_iter__epoll').size).toBe(24);
    expect(at('bpf_epoll_iter_seq_info', 'tfd')).toBe(16);
  });

  test('bpf_page_to_pfn is a kfunc exactly where there are kfuncs', () => {
    const isKfunc = profile.btf.find('bpf_page_to_pfn', BtfKind.Func) !== 0;
    expect(isKfunc).toBe(name !== '5.16+series');
    expect(profile.dialect.pageToPfn).toBe(isKfunc ? 'kfunc' : 'helper');
    expect(profile.dialect.helpers['181']).toBe(isKfunc ? undefined : 'bpf_page_to_pfn');
  });

  test('opcode limits are those of its own enums', () => {
    expect(enumerator(profile, 'IORING_REGISTER_LAST')).toBe(profile.dialect.registerOps);
    expect(enumerator(profile, 'IORING_OP_LAST')).toBe(profile.dialect.submitOps);
  });

  test('a struct that it lacks is an input error', () => {
    expect(() => profile.layout('no_such_struct')).toThrow(InputError);
    expect(() => profile.layout('file').field('no_such_member')).toThrow(
      /struct file of this kernel has no member/,
    );
  });
});

/** What tells the kernels apart, from the layouts alone. */
test.each([
  ['5.16+series', { ring: 1088, fileCount: 56, ubufEnd: true, dummy: true, vmaList: true, rings: 320 }],
  ['6.1', { ring: 1280, fileCount: 56, ubufEnd: true, dummy: true, vmaList: false, rings: 320 }],
  ['6.12', { ring: 1408, fileCount: 0, ubufEnd: false, dummy: false, vmaList: false, rings: 64 }],
])('layouts of %s', (name, expected) => {
  const profile = openProfile(name);
  expect({
    ring: profile.layout('io_ring_ctx').size,
    fileCount: profile.layout('file').offset('f_count'),
    ubufEnd: profile.layout('io_mapped_ubuf').has('ubuf_end'),
    dummy: profile.layout('io_ring_ctx').has('dummy_ubuf'),
    vmaList: profile.layout('vm_area_struct').has('vm_next'),
    rings: profile.layout('io_rings').size,
  }).toEqual(expected);
});

describe('the synthesised 5.16 BTF', () => {
  const recorded = json('5.16+series/layouts.json');
  const blob = gunzipSync(read('5.16+series/btf.bin.gz'));
  const btf = Btf.parse(blob);

  test('is what the synthesis makes of its sources, byte for byte', () => {
    const made = synthesiseBtf(recorded, json('5.16+series/types.json'));
    expect(Buffer.from(made).equals(blob)).toBe(true);
  });

  test('has every recorded member at its place, with its size', () => {
    for (const [name, { size, fields }] of Object.entries<{ size: number; fields: RecordedField[] }>(
      recorded.layouts,
    )) {
      const layout = new Layout(btf, btf.find(name, BtfKind.Struct, BtfKind.Typedef));
      expect(layout.size, name).toBe(size);
      for (const field of fields) expectField(layout, name, field, '');
    }
  });

  test('has ascending members that stay inside their struct, as the kernel demands', () => {
    for (let id = 1; id < btf.typeCount; id++) {
      const type = btf.type(id);
      if (type.kind !== BtfKind.Struct && type.kind !== BtfKind.Union) continue;
      let last = 0;
      for (const member of type.members) {
        expect(member.bitOffset, `${type.name}.${member.name}`).toBeGreaterThanOrEqual(last);
        const bits = member.bitfieldSize || 8 * btf.sizeOf(member.type);
        expect(member.bitOffset + bits, `${type.name}.${member.name}`).toBeLessThanOrEqual(8 * type.size);
        if (type.kind === BtfKind.Struct) last = member.bitOffset;
      }
    }
  });

  test('a type that nobody defines is refused', () => {
    const source = {
      layouts: { s: { size: 4, fields: [{ name: 'a', type: 'nothing_t', off: 0 }] } },
      enums: {},
    };
    const nothing = { typedefs: {}, anonymousTypedefs: {}, structs: {}, opaque: {}, functions: {} };
    expect(() => synthesiseBtf(source, nothing)).toThrow(InputError);
  });
});

describe('dialects', () => {
  const good = json('6.12/dialect.json');

  test.each([
    ['not JSON', '{', /not JSON/],
    ['an array', '[]', /a dialect is a JSON object/],
    ['a misspelt switch', JSON.stringify({ ...good, quiese: true }), /unknown switch "quiese"/],
    ['a missing switch', JSON.stringify({ ...good, hz: undefined }), /switch "hz" is missing/],
    ['a bad choice', JSON.stringify({ ...good, cowReuse: 'never' }), /switch "cowReuse" cannot be "never"/],
    ['a bad helper id', JSON.stringify({ ...good, helpers: { x: 'y' } }), /switch "helpers"/],
    ['a negative count', JSON.stringify({ ...good, setupFlags: -1 }), /switch "setupFlags"/],
  ])('%s is refused', (_name, text, message) => {
    expect(() => parseDialect(text, 'x/dialect.json')).toThrow(InputError);
    expect(() => parseDialect(text, 'x/dialect.json')).toThrow(message);
  });

  test('BTF without io_uring makes no profile', () => {
    const btf = synthesiseBtf(
      { layouts: {}, enums: {} },
      {
        typedefs: { u64: 'long long unsigned int' },
        anonymousTypedefs: {},
        structs: {},
        opaque: {},
        functions: {},
      },
    );
    const source = { name: 'x', btf, dialect: JSON.stringify(good) };
    expect(() => KernelProfile.create(source)).toThrow(/has no type/);
  });
});

function expectField(layout: Layout, struct: string, field: RecordedField, prefix: string): void {
  const path = prefix + field.name;
  const found = layout.find(path);
  expect(found, `${struct}.${path}`).toBeDefined();
  if (!found) return;
  if (field.bits) {
    expect([8 * found.offset + found.bitOffset, found.bitSize], path).toEqual([field.bitoff, field.bits]);
    return;
  }
  expect([found.offset, found.size], `${struct}.${path}`).toEqual([field.off, field.size]);
  for (const member of field.members ?? []) expectField(layout, struct, member, `${path}.`);
}

function enumerator(profile: KernelProfile, name: string): number | undefined {
  for (let id = 1; id < profile.vmlinux.typeCount; id++) {
    const kind = profile.vmlinux.kind(id);
    if (kind !== BtfKind.Enum && kind !== BtfKind.Enum64) continue;
    const value = profile.vmlinux.type(id).values.find((each) => each.name === name);
    if (value) return Number(value.value);
  }
  return undefined;
}
