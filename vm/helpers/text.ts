/** Text that helpers inside the vm ask for: symbols, and who a trace line is from. */
import { HostCall, SymbolStyle } from '../../bpf/vm-call.ts';
import type { HelperCall } from '../helper-call.ts';
import type { HelperContext, HelperGroup } from './context.ts';
import { currentComm, currentIds } from './task.ts';

const encoder = new TextEncoder();

export function textHelpers(context: HelperContext): HelperGroup {
  return [
    [HostCall.SymbolText, (call) => storeText(context, call, 3, 4, symbolOf(context, call))],
    [HostCall.TraceTask, (call) => storeText(context, call, 1, 2, traceTask(context))],
    [HostCall.Time, () => context.services.ktime()],
    [HostCall.CurrentTask, () => context.services.currentTask()],
  ];
}

/** Text of an address as %ps, %pS and %pB print it; an unknown one reads as a number. */
export function symbolText(context: HelperContext, address: bigint, style: SymbolStyle): string {
  const back = style === SymbolStyle.Backtrace ? 1n : 0n;
  const symbol = address < back ? undefined : context.services.symbolAt(address - back);
  if (!symbol) return `0x${address.toString(16)}`;
  if (style === SymbolStyle.Name) return symbol.name;
  return `${symbol.name}+0x${(symbol.offset + back).toString(16)}/0x${symbol.size.toString(16)}`;
}

function symbolOf(context: HelperContext, call: HelperCall): string {
  return symbolText(context, call.arg(1), call.arg32(2));
}

/** "COMM-PID" of the current task; "<idle>-0" when there is none. */
function traceTask(context: HelperContext): string {
  const task = context.services.currentTask();
  if (task === 0n) return '<idle>-0';
  return `${currentComm(context)}-${currentIds(context).pid}`;
}

/** Copies text to the linear offset in one argument, as much as the room in another takes; its length. */
function storeText(context: HelperContext, call: HelperCall, to: 1 | 3, room: 2 | 4, text: string): number {
  const bytes = encoder.encode(text).subarray(0, call.arg32(room));
  new Uint8Array(context.ram.buffer).set(bytes, call.arg32(to));
  return bytes.length;
}
