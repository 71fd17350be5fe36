/** The verifier as the rest of Drydock uses it: kernel in, load requests in, verdicts out. */
import type { Btf } from '../bpf/btf.ts';
import type { DisasmOptions } from '../bpf/disasm.ts';
import { VMLINUX } from '../kernel-model/kfunc-table.ts';
import { Result, SubprogFact } from './abi.ts';
import { admission } from './admission.ts';
import { checkRequest } from './check-request.ts';
import { EVENT_CHUNK } from './event-abi.ts';
import type { EventLog } from './event-reader.ts';
import { readFacts } from './insn-facts.ts';
import { type KernelOptions, VerifierKernel } from './kernel.ts';
import { type KernelTables, packKernelTables } from './kernel-tables.ts';
import type { LoadRequest } from './load-request.ts';
import { logAddresses } from './log-addresses.ts';
import { openVmlinux, packBtfFacts, RequestBtfs } from './pack-btf.ts';
import { packHelpers } from './pack-helpers.ts';
import { type KfuncModule, packKfuncs } from './pack-kfuncs.ts';
import { packRequest } from './pack-request.ts';
import { packRules } from './pack-rules.ts';
import { Packer } from './packer.ts';
import { ProgramBtfs } from './program-btf.ts';
import { Refusal } from './refusal.ts';
import type { Verdict, VerifiedSubprog, VerifierStats } from './verdict.ts';
import { type Core, startCore } from './wasm.ts';

export interface VerifierOptions {
  /** verifier.wasm */
  wasm: BufferSource | WebAssembly.Module;
  kernel: KernelOptions;
}

export class Verifier {
  private readonly core: Core;
  private readonly kernel: VerifierKernel;
  private readonly programBtfs = new ProgramBtfs();
  /** Address of the kernel's Btf in the core. */
  private readonly vmlinux: number;
  private tables: KernelTables | undefined;

  private constructor(core: Core, kernel: VerifierKernel) {
    this.core = core;
    this.kernel = kernel;
    this.vmlinux = openVmlinux(core.exports, kernel.btf);
  }

  /** Linear memory in use, in bytes: what the largest request so far needed, as it never shrinks. */
  get memoryBytes(): number {
    return this.core.exports.memory.buffer.byteLength;
  }

  /** Starts a verifier for one kernel. */
  static async create(options: VerifierOptions): Promise<Verifier> {
    return new Verifier(await startCore(options.wasm), new VerifierKernel(options.kernel));
  }

  /**
   * Verifies one load request. A rejected program is a verdict, not an exception.
   * @throws {InputError} for a request that no system call could make: numbers that are none, half instructions.
   */
  verify(request: LoadRequest): Verdict {
    checkRequest(request);
    const refusal = admission(request, this.kernel.data);
    if (refusal.errno !== 0) return refused(refusal.errno, refusal.reason);
    const { exports } = this.core;
    let at: number;
    try {
      const tables = this.kernelTables();
      exports.beginRequest();
      at = this.pack(request, tables);
    } catch (error) {
      if (error instanceof Refusal) return refused(error.errno, error.message);
      if (exports.abandoned() === 0) throw error;
      return refused(exports.abandoned(), 'the verifier has not enough memory for the request');
    }
    return this.readVerdict(this.run(at), request);
  }

  /** Puts the request into the core's memory: its address. */
  private pack(request: LoadRequest, tables: KernelTables): number {
    const { exports } = this.core;
    const packer = new Packer(exports);
    const btfs = new RequestBtfs(exports, packer, this.kernel, this.programBtfs, this.vmlinux, request);
    const facts = this.kernel.facts(request);
    const modules = kfuncModules(btfs, request);
    const texts = this.names(request);
    const hasMapType = (type: number) => this.kernel.data.maps.types.has(type);
    const at = packRequest(packer, request, { btfs, texts, hasMapType });
    packBtfFacts(packer, at, this.kernel, tables, btfs, request, facts);
    packRules(packer, at, this.kernel.data, tables, facts);
    packHelpers(packer, at, this.kernel, facts, request.insns);
    packKfuncs(packer, at, this.kernel.data, {
      insns: request.insns,
      progFlags: request.progFlags,
      facts,
      modules,
    });
    return at;
  }

  /** Packed with the first request: what is wrong with a profile's tables is told with a verdict. */
  private kernelTables(): KernelTables {
    this.tables ??= packKernelTables(new Packer(this.core.exports, true), this.kernel);
    return this.tables;
  }

  /** Address of the result record. */
  private run(request: number): number {
    const { exports } = this.core;
    try {
      return exports.verify(request) >>> 0;
    } catch (error) {
      if (exports.abandoned() === 0) throw error;
      return exports.endAbandoned() >>> 0;
    }
  }

  /** What a request's program calls and loads, for its instructions as text. */
  names(request: LoadRequest): DisasmOptions {
    const modules = request.kfuncBtfs ?? [];
    const btfOf = (slot: number) => {
      const name = slot === 0 ? null : modules[slot];
      return name === null ? this.kernel.btf : name && this.kernel.moduleBtf(name);
    };
    const immBtf = (slot: number) => {
      const name = request.immBtfs?.[slot - 1];
      return slot === 0 ? this.kernel.btf : name === undefined ? undefined : this.kernel.moduleBtf(name);
    };
    return {
      address: logAddresses(request, immBtf),
      kfuncName: (id, slot) => functionName(btfOf(slot) || undefined, id),
    };
  }

  private readVerdict(result: number, request: LoadRequest): Verdict {
    const view = new DataView(this.core.exports.memory.buffer);
    const word = (field: number) => view.getUint32(result + field, true);
    const log = this.core.takeStdout();
    const errno = word(Result.Errno);
    const subprogCount = word(Result.SubprogCount);
    const stackDepths = Array.from({ length: subprogCount }, (_, i) => this.core.exports.stackDepthOf(i));
    const stats: VerifierStats = {
      insnsProcessed: word(Result.InsnsProcessed),
      maxStatesPerInsn: word(Result.MaxStatesPerInsn),
      totalStates: word(Result.TotalStates),
      peakStates: word(Result.PeakStates),
      markRead: word(Result.MarkRead),
      stackDepths,
    };
    const message = errno === 0 ? '' : lastReason(log);
    return {
      accepted: errno === 0,
      errno,
      message,
      insn: view.getInt32(result + Result.Insn, true),
      stats,
      subprogs: Array.from({ length: word(Result.SubprogsFound) }, (_, i) => this.readSubprog(i)),
      log,
      logLength: Number(view.getBigUint64(result + Result.LogLength, true)),
      pathSteps: word(Result.PathSteps),
      ...(request.events ? { events: this.readEvents(result) } : {}),
      ...(request.facts && errno === 0 ? { facts: readFacts(this.core.exports, request.insns) } : {}),
    };
  }

  private readEvents(result: number): EventLog {
    const { buffer } = this.core.exports.memory;
    const view = new DataView(buffer);
    const length = view.getUint32(result + Result.EventLength, true);
    const table = view.getUint32(result + Result.EventChunks, true);
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += EVENT_CHUNK) {
      const chunk = view.getUint32(table + (at / EVENT_CHUNK) * 4, true);
      bytes.set(new Uint8Array(buffer, chunk, Math.min(EVENT_CHUNK, length - at)), at);
    }
    return {
      bytes,
      lost: view.getUint32(result + Result.EventsLost, true) !== 0,
    };
  }

  private readSubprog(index: number): VerifiedSubprog {
    const facts = this.core.exports.subprogFacts(index);
    return {
      unreliable: (facts & SubprogFact.Unreliable) !== 0,
      exceptionCallback: (facts & SubprogFact.ExceptionCallback) !== 0,
      changesPacket: (facts & SubprogFact.ChangesPacket) !== 0,
      dead: (facts & SubprogFact.Dead) !== 0,
    };
  }
}

/** Name of the function, as calls of it are shown (no function, 0, has none); undefined where there is no such type. */
function functionName(btf: Btf | undefined, id: number): string | undefined {
  if (!btf || id >= btf.typeCount) return undefined;
  return id === 0 ? '' : btf.name(id);
}

/** Modules that kfunc calls refer to by slot; the kernel itself is slot 0. */
function kfuncModules(btfs: RequestBtfs, request: LoadRequest): (KfuncModule | undefined)[] {
  const others = (request.kfuncBtfs ?? []).slice(1).map((name): KfuncModule | undefined => {
    const opened = name ? btfs.ofModule(name) : undefined;
    return opened && name ? { name, ...opened } : undefined;
  });
  return [{ name: VMLINUX, ...btfs.vmlinux }, ...others];
}

/** Lines that close a log, show the states of an endless loop, or only say where in the source something is. */
const NO_REASON = /^(processed |verification time |stack depth |cur state:|old state:|; |$)/;

/** The last line that tells something, before the statistics. */
function lastReason(log: string): string {
  return log.split('\n').findLast((line) => !NO_REASON.test(line)) ?? '';
}

/** A load that never reached the verifier: no log, no statistics. */
function refused(errno: number, reason: string): Verdict {
  const stats = {
    insnsProcessed: 0,
    maxStatesPerInsn: 0,
    totalStates: 0,
    peakStates: 0,
    markRead: 0,
    stackDepths: [],
  };
  return {
    accepted: false,
    errno,
    message: reason,
    insn: -1,
    stats,
    subprogs: [],
    log: '',
    logLength: 0,
    pathSteps: 0,
  };
}
