/** Iterators over the model's targets, with programs made of functions. */

import { type IterFile, iterFileOf } from '../../kernel-model/iter/iter-file.ts';
import { iterCreate, type LinkCreateAttr, linkCreate } from '../../kernel-model/iter/link.ts';
import { IterProgram, type IterProgramInit, targetBtfId } from '../../kernel-model/iter/program.ts';
import type { ReadOptions, ReadResult } from '../../kernel-model/iter/read.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import type { Record } from '../../kernel-model/record.ts';
import { Record as KernelRecord } from '../../kernel-model/record.ts';
import type { Task } from '../../kernel-model/task.ts';
import { emit } from './iter-support.ts';
import { ints } from './ring-support.ts';

/** What a program of a target sees. */
export interface View {
  /** The context record. */
  context: Record;
  sessionId: number;
  seqNum: number;
  /** A struct that a member of the context points at; undefined for NULL. */
  struct(member: string, type: string): Record | undefined;
  /** The iterator's own output. */
  write(text: string): void;
}

export type Body = (view: View) => number | undefined;

/** A program for a target whose body is a function. */
export function programOf(
  machine: Machine,
  target: string,
  body: Body,
  init: Partial<IterProgramInit> = {},
): IterProgram {
  const layout = machine.profile.layout(`bpf_iter__${target}`);
  const metaLayout = machine.profile.layout('bpf_iter_meta');
  return new IterProgram(machine, {
    attachBtfId: targetBtfId(machine, target),
    run: (address) => {
      const at = (where: bigint, type: typeof layout) =>
        new KernelRecord(machine.ram, type, machine.ram.translate(where, type.size, false), where);
      const context = at(address, layout);
      const meta = at(context.big('meta'), metaLayout);
      const iterator = openIterators.get(meta.big('seq'));
      if (!iterator) throw new Error('meta.seq is not the seq_file of an open iterator');
      const view: View = {
        context,
        sessionId: meta.get('session_id'),
        seqNum: Number(BigInt.asIntN(64, meta.big('seq_num'))),
        struct: (member, type) => {
          const pointer = context.big(member);
          return pointer === 0n ? undefined : at(pointer, machine.profile.layout(type));
        },
        write: (text) => emit(iterator.session, text),
      };
      return body(view) ?? 0;
    },
    ...init,
  });
}

const openIterators = new Map<bigint, IterFile>();

/** union bpf_iter_link_info for a target that takes a descriptor. */
export function linkTo(fd: number): LinkCreateAttr {
  return { iterInfo: ints(fd), iterInfoLength: 4 };
}

export interface OpenIterator {
  linkFd: number;
  fd: number;
  file: IterFile;
  read(length: number, options?: ReadOptions): ReadResult;
}

/** Link and iterator in one; throws on an errno. */
export function openIterator(
  machine: Machine,
  task: Task,
  program: IterProgram,
  attr: LinkCreateAttr = {},
): OpenIterator {
  const linkFd = linkCreate(machine, task, program, attr);
  if (linkFd < 0) throw new Error(`BPF_LINK_CREATE: ${linkFd}`);
  return { linkFd, ...openFromLink(machine, task, linkFd) };
}

export function openFromLink(machine: Machine, task: Task, linkFd: number): Omit<OpenIterator, 'linkFd'> {
  const fd = iterCreate(machine, task, linkFd);
  if (fd < 0) throw new Error(`BPF_ITER_CREATE: ${fd}`);
  const opened = task.files?.get(fd);
  const file = opened && iterFileOf(opened);
  if (!file) throw new Error(`descriptor ${fd} is no iterator`);
  openIterators.set(file.session.seq.record.address, file);
  return { fd, file, read: (length, options) => file.read(task, length, options) };
}
