/** Rules that hold for a program type as a whole: prog-rules.json. */
import type { JsonValue } from './json-value.ts';
import {
  Capability,
  type Condition,
  type ConditionCompiler,
  type ConditionRecord,
  type ProgramFacts,
} from './program-facts.ts';

/** What programs of a type may do with packet data through packet pointers. */
export const enum PacketAccess {
  None,
  Read,
  ReadWrite,
  /** Reads and writes, and passes them to helpers that do not take packets (cgroup/sockopt buffers). */
  Always,
}

/** Values a program may return. */
export type ReturnRule =
  | { readonly kind: 'range'; readonly min: number; readonly max: number; readonly bits: 32 | 64 }
  /** Any scalar. */
  | { readonly kind: 'any' }
  /** R0 is not looked at. */
  | { readonly kind: 'none' }
  /** No program with this attach type can be loaded (ENOTSUPP at its exit). */
  | { readonly kind: 'refused' };

interface ReturnRow {
  when: Condition;
  rule: ReturnRule;
}

export class ProgRules {
  /** Bits of the flags that programs of this kernel can be loaded with. */
  private readonly flags: number;
  private readonly packet = new Map<number, PacketAccess>();
  private readonly sets = new Map<string, ReadonlySet<number>>();
  private readonly attach = new Map<number, ReadonlySet<number>>();
  private readonly defaults = new Map<number, number>();
  private readonly sleepable: readonly Condition[];
  private readonly returns: readonly ReturnRow[];

  constructor(json: JsonValue, conditions: ConditionCompiler) {
    json.fields(
      'source',
      'flags',
      'packet',
      'ldAbs',
      'tracing',
      'unprivileged',
      'netAdmin',
      'perfmon',
      'attach',
      'attachZero',
      'defaultAttach',
      'attachBtf',
      'attachProg',
      'sleepable',
      'mustSleep',
      'returns',
    );
    this.flags = json.get('flags').integer();
    const packet = json.get('packet').fields('read', 'readWrite', 'always');
    const kinds = { read: PacketAccess.Read, readWrite: PacketAccess.ReadWrite, always: PacketAccess.Always };
    for (const [key, access] of Object.entries(kinds)) {
      for (const type of packet.get(key).strings()) this.packet.set(conditions.progType(type), access);
    }
    for (const key of [
      'ldAbs',
      'tracing',
      'unprivileged',
      'netAdmin',
      'perfmon',
      'attachZero',
      'attachBtf',
      'attachProg',
      'mustSleep',
    ]) {
      this.sets.set(
        key,
        new Set(
          json
            .get(key)
            .strings()
            .map((type) => conditions.progType(type)),
        ),
      );
    }
    for (const [type, attach] of Object.entries(json.get('attach').nameLists())) {
      this.attach.set(conditions.progType(type), new Set(attach.map((name) => conditions.attachType(name))));
    }
    for (const [type, attach] of json.get('defaultAttach').entries()) {
      this.defaults.set(conditions.progType(type), conditions.attachType(attach.string()));
    }
    this.sleepable = json
      .get('sleepable')
      .items()
      .map((rule) => conditions.compile(rule.raw() as ConditionRecord));
    this.returns = json
      .get('returns')
      .items()
      .map((row) => {
        row.fields('when', 'range', 'bits');
        return { when: conditions.compile(row.get('when').raw() as ConditionRecord), rule: parseReturn(row) };
      });
  }

  /** Whether the kernel knows all of a program's flags. */
  knowsFlags(flags: number): boolean {
    return (flags & ~this.flags) === 0;
  }

  packetAccess(progType: number): PacketAccess {
    return this.packet.get(progType) ?? PacketAccess.None;
  }

  /** Legacy packet loads (BPF_ABS, BPF_IND). */
  mayLoadAbs(progType: number): boolean {
    return this.is('ldAbs', progType);
  }

  /** Runs in any context, even NMI: may not use locks, timers or lists in maps. */
  isTracing(progType: number): boolean {
    return this.is('tracing', progType);
  }

  /** Capability bits that the loading task needs, all of them; 0 for types anybody may load. */
  requiredCaps(progType: number): number {
    const bpf = this.is('unprivileged', progType) ? 0 : Capability.Bpf;
    const net = this.is('netAdmin', progType) ? Capability.NetAdmin : 0;
    return bpf | net | (this.is('perfmon', progType) ? Capability.Perfmon : 0);
  }

  /** What an expected attach type of 0 means. */
  effectiveAttachType(progType: number, attachType: number): number {
    return attachType === 0 ? (this.defaults.get(progType) ?? 0) : attachType;
  }

  /** Whether a program can be loaded with this (effective) attach type. */
  mayAttach(progType: number, attachType: number): boolean {
    if (this.is('attachZero', progType)) return attachType === 0;
    return this.attach.get(progType)?.has(attachType) ?? true;
  }

  /** Whether the type takes an attach_btf_id. */
  takesAttachBtf(progType: number): boolean {
    return this.is('attachBtf', progType);
  }

  /** Whether the type can attach to another program. */
  takesAttachProg(progType: number): boolean {
    return this.is('attachProg', progType);
  }

  canSleep(facts: ProgramFacts): boolean {
    return this.sleepable.some((condition) => condition(facts));
  }

  mustSleep(progType: number): boolean {
    return this.is('mustSleep', progType);
  }

  returnRule(facts: ProgramFacts): ReturnRule {
    return this.returns.find(({ when }) => when(facts))?.rule ?? { kind: 'any' };
  }

  private is(set: string, progType: number): boolean {
    return this.sets.get(set)?.has(progType) ?? false;
  }
}

function parseReturn(row: JsonValue): ReturnRule {
  const range = row.get('range');
  if (range.isString) {
    const kind = range.string();
    if (kind !== 'any' && kind !== 'none' && kind !== 'refused') throw range.error(`unknown range "${kind}"`);
    return { kind };
  }
  const [min, max, ...rest] = range.items().map((item) => item.integer(true));
  if (min === undefined || max === undefined || rest.length > 0 || min > max)
    throw range.error('not a range');
  const bits = row.find('bits')?.integer() ?? 64;
  if (bits !== 32 && bits !== 64) throw row.error('bits are 32 or 64');
  return { kind: 'range', min, max, bits };
}
