/**
 * What the patch series "BPF iterators for io_uring and epoll" (v3, 2021) adds to a kernel, and the iterator over
 * bvecs that it left for later. Types, as a split BTF over that kernel's own: record and private structs of the
 * iterators, their target functions and, where the kernel has kfuncs, bpf_page_to_pfn. And what its verifier has to
 * know of them.
 */
import { BTF_INT_SIGNED, type Btf, BtfKind, type TypeId } from '../bpf/btf.ts';
import { BtfWriter } from '../bpf/btf-writer.ts';
import { InputError } from '../bpf/input-error.ts';
import type { Dialect } from './dialect.ts';
import type { Overlay } from './module-tables.ts';

/** [name, type, byte offset] */
type MemberRow = readonly [name: string, type: string, offset: number];

const STRUCTS: { readonly [name: string]: { size: number; members: readonly MemberRow[] } } = {
  bpf_iter__io_uring_buf: {
    size: 32,
    members: [
      ['meta', 'bpf_iter_meta*', 0],
      ['ctx', 'io_ring_ctx*', 8],
      ['ubuf', 'io_mapped_ubuf*', 16],
      ['index', 'u64', 24],
    ],
  },
  bpf_iter__io_uring_file: {
    size: 32,
    members: [
      ['meta', 'bpf_iter_meta*', 0],
      ['ctx', 'io_ring_ctx*', 8],
      ['file', 'file*', 16],
      ['index', 'u64', 24],
    ],
  },
  bpf_iter__io_uring_bvec: {
    size: 72,
    members: [
      ['meta', 'bpf_iter_meta*', 0],
      ['ctx', 'io_ring_ctx*', 8],
      ['ubuf', 'io_mapped_ubuf*', 16],
      ['bvec', 'bio_vec*', 24],
      ['vma', 'vm_area_struct*', 32],
      ['index', 'u64', 40],
      ['bvec_index', 'u64', 48],
      ['offset', 'u64', 56],
      ['address', 'u64', 64],
    ],
  },
  bpf_io_uring_bvec_seq_info: {
    size: 40,
    members: [
      ['ctx', 'io_ring_ctx*', 0],
      ['index', 'u64', 8],
      ['bvec', 'u64', 16],
      ['offset', 'u64', 24],
      ['address', 'u64', 32],
    ],
  },
  bpf_iter__epoll: {
    size: 24,
    members: [
      ['meta', 'bpf_iter_meta*', 0],
      ['ep', 'eventpoll*', 8],
      ['epi', 'epitem*', 16],
    ],
  },
  bpf_io_uring_seq_info: {
    size: 16,
    members: [
      ['ctx', 'io_ring_ctx*', 0],
      ['index', 'u64', 8],
    ],
  },
  bpf_epoll_iter_seq_info: {
    size: 24,
    members: [
      ['ep', 'eventpoll*', 0],
      ['rbp', 'rb_node*', 8],
      ['tfd', 'int', 16],
    ],
  },
};

/** Iterator targets: parameters of FUNC bpf_iter_<name>. */
const TARGETS: { readonly [name: string]: readonly (readonly [name: string, type: string])[] } = {
  io_uring_buf: [
    ['meta', 'bpf_iter_meta*'],
    ['ctx', 'io_ring_ctx*'],
    ['ubuf', 'io_mapped_ubuf*'],
    ['index', 'u64'],
  ],
  io_uring_file: [
    ['meta', 'bpf_iter_meta*'],
    ['ctx', 'io_ring_ctx*'],
    ['file', 'file*'],
    ['index', 'u64'],
  ],
  io_uring_bvec: [
    ['meta', 'bpf_iter_meta*'],
    ['ctx', 'io_ring_ctx*'],
    ['ubuf', 'io_mapped_ubuf*'],
    ['bvec', 'bio_vec*'],
    ['vma', 'vm_area_struct*'],
    ['index', 'u64'],
    ['bvec_index', 'u64'],
    ['offset', 'u64'],
    ['address', 'u64'],
  ],
  epoll: [
    ['meta', 'bpf_iter_meta*'],
    ['ep', 'eventpoll*'],
    ['epi', 'epitem*'],
  ],
};

/** BPF_ITER_RESCHED: the target may pause between objects, so its programs may sleep. */
const RESCHED = 1;
const OBJECT = 'PTR_TO_BTF_ID';
const OBJECT_OR_NULL = 'PTR_TO_BTF_ID|PTR_MAYBE_NULL';

/** What the targets register about the arguments of their programs. */
const ITERS = {
  io_uring_buf: {
    features: RESCHED,
    args: [
      { offset: 8, reg: OBJECT, type: 'io_ring_ctx' },
      { offset: 16, reg: OBJECT_OR_NULL, type: 'io_mapped_ubuf' },
    ],
  },
  io_uring_file: {
    features: RESCHED,
    args: [
      { offset: 8, reg: OBJECT, type: 'io_ring_ctx' },
      { offset: 16, reg: OBJECT_OR_NULL, type: 'file' },
    ],
  },
  io_uring_bvec: {
    features: RESCHED,
    args: [
      { offset: 8, reg: OBJECT, type: 'io_ring_ctx' },
      { offset: 16, reg: OBJECT_OR_NULL, type: 'io_mapped_ubuf' },
      { offset: 24, reg: OBJECT_OR_NULL, type: 'bio_vec' },
      { offset: 32, reg: OBJECT_OR_NULL, type: 'vm_area_struct' },
    ],
  },
  epoll: {
    features: RESCHED,
    args: [
      { offset: 8, reg: OBJECT, type: 'eventpoll' },
      { offset: 16, reg: OBJECT_OR_NULL, type: 'epitem' },
    ],
  },
};
/** The helper of the series is for tracing programs, and so is the kfunc in its place. */
const KFUNC_SETS = { series_kfunc_ids: { hooks: ['tracing'], kfuncs: { bpf_page_to_pfn: '' } } };

/** @throws {InputError} when the kernel's BTF lacks a type that the series builds on. */
export function seriesOverlay(vmlinux: Btf, dialect: Dialect): Overlay {
  const kfuncs = dialect.pageToPfn === 'kfunc';
  return {
    name: 'series',
    btf: seriesTypes(vmlinux, kfuncs),
    tables: { iters: ITERS, ...(kfuncs ? { sets: KFUNC_SETS } : {}) },
    // programs ask by the kfunc's address whether it is there, and leave out the helper's call where it is
    ...(kfuncs ? { features: ['functionSymbols', 'nonNullPointers'] as const } : {}),
  };
}

function seriesTypes(vmlinux: Btf, kfuncs: boolean): Uint8Array<ArrayBuffer> {
  const writer = new BtfWriter(vmlinux);
  const typeOf = (name: string): TypeId => {
    if (name === 'u64') return need(vmlinux, 'u64', BtfKind.Typedef);
    if (name === 'int') return signedInt(vmlinux);
    return writer.pointer(need(vmlinux, name.slice(0, -1), BtfKind.Struct));
  };
  for (const [name, { size, members }] of Object.entries(STRUCTS)) {
    writer.struct(
      name,
      size,
      members.map(([member, type, offset]) => ({ name: member, type: typeOf(type), bitOffset: 8 * offset })),
    );
  }
  for (const [name, params] of Object.entries(TARGETS)) {
    const proto = writer.funcProto(
      typeOf('int'),
      params.map(([param, type]) => ({ name: param, type: typeOf(type) })),
    );
    writer.func(`bpf_iter_${name}`, proto);
  }
  if (kfuncs) {
    const proto = writer.funcProto(typeOf('u64'), [{ name: 'page', type: typeOf('page*') }]);
    writer.func('bpf_page_to_pfn', proto, 1);
  }
  return writer.bytes();
}

function need(btf: Btf, name: string, kind: BtfKind): TypeId {
  const id = btf.find(name, kind);
  if (id === 0)
    throw btf.error(`the kernel has no type ${name}, which the io_uring and epoll iterators need`);
  return id;
}

function signedInt(btf: Btf): TypeId {
  for (const id of btf.idsByName('int', BtfKind.Int)) {
    if ((btf.type(id).encoding & BTF_INT_SIGNED) !== 0) return id;
  }
  throw new InputError('the kernel BTF has no signed int');
}
