/** A program over every packet of a capture, as a test run each. */
import { errnoName } from '../bpf/errno-name.ts';
import { ProgType } from '../loader/prog-type.ts';
import type { Fault } from '../vm/index.ts';
import type { Capture, CapturedPacket } from './pcap.ts';
import type { TestBench, TestProgram } from './test-bench.ts';

export interface Replay {
  /** Packets that the program ran over. */
  readonly packets: number;
  /** Verdict -> how often, in the order in which they came up. */
  readonly verdicts: ReadonlyMap<string, number>;
  /** Name of an errno -> how many packets the kernel would not take. */
  readonly refused: ReadonlyMap<string, number>;
  readonly insns: number;
  /** What ended it before the last packet. */
  readonly fault: Fault | null;
  /** The packets as the program left them. */
  readonly output: Capture;
}

const XDP_VERDICTS = ['XDP_ABORTED', 'XDP_DROP', 'XDP_PASS', 'XDP_TX', 'XDP_REDIRECT'];
const TC_VERDICTS = [
  'TC_ACT_OK',
  'TC_ACT_RECLASSIFY',
  'TC_ACT_SHOT',
  'TC_ACT_PIPE',
  'TC_ACT_STOLEN',
  'TC_ACT_QUEUED',
  'TC_ACT_REPEAT',
  'TC_ACT_REDIRECT',
  'TC_ACT_TRAP',
];

/** What a return value says, for types whose values have names; else the number. */
export function verdictName(type: number, retval: number): string {
  if (type === ProgType.Xdp) return XDP_VERDICTS[retval] ?? String(retval);
  if (type !== ProgType.SchedCls && type !== ProgType.SchedAct) return String(retval);
  return retval === 0xffff_ffff ? 'TC_ACT_UNSPEC' : (TC_VERDICTS[retval] ?? String(retval));
}

export function replayCapture(bench: TestBench, tested: TestProgram, capture: Capture): Replay {
  const verdicts = new Map<string, number>();
  const refused = new Map<string, number>();
  const left: CapturedPacket[] = [];
  let insns = 0;
  let packets = 0;
  let fault: Fault | null = null;
  for (const packet of capture.packets) {
    const result = bench.run(tested, { data: packet.bytes });
    insns += result.insns;
    if (result.errno !== 0) {
      count(refused, errnoName(result.errno));
      continue;
    }
    packets++;
    fault = result.fault;
    if (result.status !== 'finished') break;
    count(verdicts, verdictName(tested.program.source.type, result.retval));
    const grown = result.data.length - packet.bytes.length;
    left.push({ ...packet, bytes: result.data, wireLength: Math.max(0, packet.wireLength + grown) });
  }
  const output = { nanoseconds: capture.nanoseconds, packets: left };
  return { packets, verdicts, refused, insns, fault, output };
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
