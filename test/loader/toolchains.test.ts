/**
 * Objects of other toolchains than clang with libbpf's headers: Rust in aya's shape, C for cilium/ebpf, and an
 * assembler. libbpf refuses them, or sees no programs in them; asked to, the loader takes them, and they verify.
 * Needs `npm run build:wasm`.
 */
import { describe, expect, it } from 'vitest';
import { type BpfObject, loadObject } from '../../loader/index.ts';
import { findSectionDef } from '../../loader/sections.ts';
import { examine } from '../../verifier/examine.ts';
import { verifierLoadOptions } from '../../verifier/load-options-node.ts';
import { createVerifier } from '../../verifier/node.ts';
import { load, program, readObject } from './support.ts';

const KERNEL = '6.12';
const SOCKET_FILTER = 1;
const KPROBE = 2;
const SCHED_CLS = 3;
const XDP = 6;
const CGROUP_SKB = 8;
const LEGACY_MAPS = "elf: legacy map definitions in 'maps' section are not supported by libbpf v1.0+";

const options = { ...verifierLoadOptions(KERNEL), legacy: true };
const verifier = await createVerifier(KERNEL);

function open(name: string): BpfObject {
  return loadObject(readObject(name), { ...options, file: `${name}.bpf.o`, programs: 'all' });
}

/** Why each program is not accepted. */
function refusals(object: BpfObject): (string | undefined)[] {
  return object.programs.map((each) => {
    const { verdict, refusal } = examine({ verifier }, { path: object.file, object, program: each });
    return verdict?.accepted ? undefined : (refusal ?? verdict?.message);
  });
}

function typesOf({ programs }: BpfObject): [string, number][] {
  return programs.map(({ name, type }) => [name, type]);
}

describe.each(['aya', 'aya.types'])('Rust, as aya has it: %s', (name) => {
  const object = open(name);

  it('is refused by default', () => {
    expect(() => load(name)).toThrow(LEGACY_MAPS);
  });

  it('has maps of seven numbers, of which one is pinned', () => {
    const maps = object.maps.filter(({ section }) => section === 'maps');
    expect(maps).toMatchObject([
      { name: 'PORTS', type: 1, keySize: 4, valueSize: 8, maxEntries: 128, pinning: 1 },
      { name: 'SEEN', type: 2, keySize: 4, valueSize: 8, maxEntries: 1, pinning: 0 },
    ]);
  });

  it('has programs by kind and name, with what they share behind them', () => {
    expect(typesOf(object)).toEqual([
      ['egress', SCHED_CLS],
      ['firewall', XDP],
      ['unlinked', KPROBE],
    ]);
    for (const { subprogs } of object.programs) expect(subprogs[1]?.name).toMatch(/3aya5count$/);
  });

  it('is accepted', () => expect(refusals(object)).toEqual([undefined, undefined, undefined]));
});

describe('types that Rust names', () => {
  it('are no reason to refuse a program', () => {
    expect(open('aya.types').btf).toBeDefined();
    expect(open('aya').btf).toBeUndefined();
  });
});

describe('C for cilium/ebpf', () => {
  const object = open('cilium');

  it('is refused by default', () => {
    expect(() => load('cilium')).toThrow(LEGACY_MAPS);
  });

  it('has maps of both kinds, also as iproute2 writes them', () => {
    expect(object.maps).toMatchObject([
      { name: 'plain', section: 'maps', pinning: 0 },
      { name: 'pinned', section: 'maps', type: 2, valueSize: 4, pinning: 1 },
      { name: 'typed', section: '.maps' },
      { section: '.rodata' },
    ]);
  });

  it('has programs whose sections begin with a kind', () => {
    expect(typesOf(object)).toEqual([
      ['drop', XDP],
      ['ingress', SCHED_CLS],
      ['both', CGROUP_SKB],
      ['unknown', 0],
    ]);
    const reason = "prog 'unknown': missing BPF prog type, check ELF section name 'nothing/known'";
    expect(refusals(object)).toEqual([undefined, undefined, undefined, reason]);
  });

  it('has constants that can be set', () => {
    const globals = new Map([['limit', '9']]);
    const { maps } = loadObject(readObject('cilium'), { ...options, globals });
    expect(maps.find(({ section }) => section === '.rodata')?.data?.[0]).toBe(9);
  });
});

describe('code without function symbols', () => {
  it('has no programs for libbpf', () => {
    expect(load('labels').programs).toEqual([]);
  });

  it('has one from each global label to the next, and one of a section without any', () => {
    const object = open('labels');
    expect(typesOf(object)).toEqual([
      ['first', SOCKET_FILTER],
      ['second', SOCKET_FILTER],
      ['xdp', XDP],
    ]);
    expect(program(object, 'second').subprogs.map(({ name }) => name)).toEqual(['second', 'helper']);
    expect(refusals(object)).toEqual([undefined, undefined, undefined]);
  });
});

describe('section names', () => {
  it.each<[string, string | undefined]>([
    ['xdp/drop', 'xdp'],
    ['xdp/devmap_mine', 'xdp/devmap'],
    ['sk_skb/stream_parser/mine', 'sk_skb/stream_parser'],
    ['kprobes', undefined],
    ['', undefined],
  ])('%s is %s to those who ask for the beginning', (name, pattern) => {
    expect(findSectionDef(name, true)?.pattern).toBe(pattern);
    expect(findSectionDef(name)).toBeUndefined();
  });
});
