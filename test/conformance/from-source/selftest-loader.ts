/**
 * Loads a program of a selftest the way the recording loader did (as the kernel's own test loader and veristat
 * do), through Drydock's loader: the request must come out as the recorded one.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Btf } from '../../../bpf/btf.ts';
import { InputError } from '../../../bpf/input-error.ts';
import { openSymbolNames } from '../../../kernel-model/profile-node.ts';
import { SymbolAddresses } from '../../../kernel-model/symbol-addresses.ts';
import { type BpfObject, type LoadOptions, loadObject, type Program } from '../../../loader/index.ts';
import { ProgType } from '../../../loader/prog-type.ts';
import type { LoadRequest } from '../../../verifier/load-request.ts';
import { programRequest } from '../../../verifier/program-request.ts';
import type { ObjectJob } from '../job.ts';
import { type GuessedType, guessType } from './guess-type.ts';
import { readKernelConfig, readObjectBtf } from './inputs.ts';
import { poisonMaps, withMapSizes } from './request-maps.ts';
import { parseTags, type SelftestTags, tagsOf } from './selftest-tags.ts';

const KERNEL = '6.12';
/** KERNEL_VERSION() of the recorded kernel: 6.12.117. */
const KERNEL_VERSION = (6 << 16) | (12 << 8) | 117;

/** An object with all its programs prepared. */
interface Opened {
  path: string;
  coreBtf: string | undefined;
  object: BpfObject;
}

/** A program that can be loaded. */
interface Prepared {
  object: BpfObject;
  program: Program;
  tags: SelftestTags;
  /** What the recording loader took it for, where its section does not say. */
  guessed?: GuessedType;
}

export class SelftestLoader {
  private readonly options: LoadOptions;
  /** The object of the last request: the programs of one come one after the other. */
  private opened: Opened | undefined;

  /**
   * @param modules split BTF by name.
   * @param config file with the kernel's configuration.
   * @param ksym addresses of symbols; those of the built-in profile when absent.
   */
  constructor(
    vmlinux: Btf,
    modules: ReadonlyMap<string, Uint8Array>,
    config: string | undefined,
    ksym?: LoadOptions['ksym'],
  ) {
    const own = [...modules].map(([name, bytes]) => ({ name, btf: Btf.parse(bytes, { base: vmlinux }) }));
    const symbols = new SymbolAddresses([vmlinux, ...own.map(({ btf }) => btf)], () =>
      openSymbolNames(KERNEL),
    );
    this.options = {
      kernelBtf: vmlinux,
      modules: own,
      kconfig: config === undefined ? new Map() : readKernelConfig(config),
      kernelVersion: KERNEL_VERSION,
      ksym: ksym ?? ((name) => symbols.find(name)),
    };
  }

  /** @throws {InputError} when the loader refuses the object or the program. */
  request({ path, program: name, caps, logLevel }: ObjectJob): LoadRequest {
    const { object, program, tags, guessed } = this.prepare(path, name);
    const request = programRequest(object, program, { caps, logLevel });
    const complete: LoadRequest = {
      ...request,
      progFlags: request.progFlags | tags.flags,
      maps: withMapSizes(request.maps),
      ...(guessed ? { progType: guessed.type, expectedAttachType: guessed.attachType, attachBtfId: 0 } : {}),
    };
    return caps === 0 ? poisonMaps(complete) : complete;
  }

  /** A program as it is, without what is added to the request. @throws {InputError} as `request` does. */
  prepare(path: string, name: string): Prepared {
    const { btf } = this.open(path);
    const tags = parseTags(btf ? tagsOf(btf, name) : []);
    const object = this.open(path, tags.btfPath && join(dirname(path), tags.btfPath));
    const program = object.programs.find((candidate) => candidate.name === name);
    if (!program) throw new InputError(`there is no program "${name}"`, { file: path });
    const guessed = this.guess(object, program, tags);
    if (program.error !== undefined && !guessed) throw new InputError(program.error, { file: path });
    return { object, program, tags, ...(guessed ? { guessed } : {}) };
  }

  /** All programs of an object. @throws {InputError} when it cannot be opened. */
  programs(path: string): readonly Program[] {
    return this.open(path).programs;
  }

  /** A program without a type, or one that would replace a part of another program that is not at hand. */
  private guess(object: BpfObject, program: Program, tags: SelftestTags) {
    const isAlone = program.type === ProgType.Ext && !tags.expects;
    const mayGuess = program.type === ProgType.Unspec || isAlone;
    return mayGuess && object.btf ? guessType(object.btf, program.name) : undefined;
  }

  private open(path: string, coreBtf?: string): BpfObject {
    const known = this.opened;
    if (known?.path === path && known.coreBtf === coreBtf) return known.object;
    const bytes = new Uint8Array(readFileSync(path));
    const names = loadObject(bytes, { file: path, programs: [] }).programs.map(({ name }) => name);
    const custom = coreBtf === undefined ? {} : { coreBtf: readObjectBtf(coreBtf) };
    const object = loadObject(bytes, { ...this.options, ...custom, file: path, programs: names });
    this.opened = { path, coreBtf, object };
    return object;
  }
}
