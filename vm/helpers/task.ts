/** Helpers about the task a program runs on behalf of. */
import { FaultKind } from '../../bpf/abi.ts';
import { BtfKind } from '../../bpf/btf.ts';
import { Errno } from '../../bpf/errno.ts';
import { HelperId } from '../../bpf/helper-id.ts';
import { HostCall } from '../../bpf/vm-call.ts';
import { Layout } from '../../kernel-model/layout.ts';
import type { HelperCall } from '../helper-call.ts';
import type { HelperContext, HelperGroup } from './context.ts';

/** TASK_COMM_LEN */
const COMM_SIZE = 16;
/** Kernel stacks on x86-64: 4 pages. */
const THREAD_SIZE = 16_384n;

const decoder = new TextDecoder();

export function taskHelpers(context: HelperContext): HelperGroup {
  return [
    [HelperId.GetCurrentPidTgid, () => pidTgid(context)],
    [HelperId.GetCurrentUidGid, () => uidGid(context)],
    [HelperId.GetCurrentComm, (call) => storeComm(context, call)],
    [HelperId.TaskPtRegs, (call) => ptRegs(context, call)],
    [HostCall.TaskFromPid, (call) => context.services.taskOf(call.arg32(1) | 0)],
  ];
}

/** Thread id and thread group id of the current task, as the initial pid namespace numbers them. */
export function currentIds(context: HelperContext): { pid: number; tgid: number } {
  const task = context.services.currentTask();
  const layout = layoutOf(context, 'task_struct');
  return {
    pid: Number(member(context, task, layout, 'pid')),
    tgid: Number(member(context, task, layout, 'tgid')),
  };
}

/** Name of the current task. */
export function currentComm(context: HelperContext): string {
  const task = context.services.currentTask();
  const offset = layoutOf(context, 'task_struct').offset('comm');
  const bytes = context.ram.read(task + BigInt(offset), COMM_SIZE) ?? new Uint8Array(COMM_SIZE);
  const end = bytes.indexOf(0);
  return decoder.decode(bytes.subarray(0, end < 0 ? COMM_SIZE : end));
}

/** tgid << 32 | pid; -EINVAL without a task. */
function pidTgid(context: HelperContext): bigint | number {
  if (context.services.currentTask() === 0n) return -Errno.EINVAL;
  const { pid, tgid } = currentIds(context);
  return (BigInt(tgid) << 32n) | BigInt(pid);
}

/** gid << 32 | uid; -EINVAL without a task. */
function uidGid(context: HelperContext): bigint | number {
  const task = context.services.currentTask();
  if (task === 0n) return -Errno.EINVAL;
  const cred = member(context, task, layoutOf(context, 'task_struct'), 'cred');
  const layout = layoutOf(context, 'cred');
  return (member(context, cred, layout, 'gid') << 32n) | member(context, cred, layout, 'uid');
}

/** `long bpf_get_current_comm(void *buf, u32 size_of_buf)`: 0; -EINVAL without a task, and zeros. */
function storeComm(context: HelperContext, call: HelperCall): number {
  const bytes = new Uint8Array(call.arg32(2));
  if (bytes.length === 0) return 0;
  const task = context.services.currentTask();
  if (task !== 0n) bytes.set(new TextEncoder().encode(currentComm(context)).subarray(0, bytes.length - 1));
  const error = context.store(call.arg(1), bytes);
  return error < 0 ? error : task === 0n ? -Errno.EINVAL : 0;
}

/**
 * `long bpf_task_pt_regs(struct task_struct *task)`: the registers stand at the top of the kernel stack. A fault
 * where the model gives tasks no stack.
 */
function ptRegs(context: HelperContext, call: HelperCall): bigint {
  const { btf } = context.services;
  const stack = member(context, call.arg(1), layoutOf(context, 'task_struct'), 'stack');
  const registers = btf.find('pt_regs', BtfKind.Struct);
  if (registers !== 0 && stack !== 0n) return stack + THREAD_SIZE - BigInt(btf.sizeOf(registers));
  call.fault(FaultKind.UnknownHelper, BigInt(call.id));
  return 0n;
}

function layoutOf(context: HelperContext, name: string): Layout {
  const { btf } = context.services;
  const id = btf.find(name, BtfKind.Struct);
  if (id === 0) throw btf.error(`this kernel's BTF has no struct ${name}, which a helper needs`);
  return new Layout(btf, id);
}

/** A scalar member as unsigned; 0 where the record is not mapped, as a fault-safe load gives. */
function member(context: HelperContext, record: bigint, layout: Layout, path: string): bigint {
  const { offset, size } = layout.field(path);
  const bytes = context.ram.read(record + BigInt(offset), size);
  if (bytes === null) return 0n;
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}
