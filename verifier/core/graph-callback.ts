/** Arguments of the function that compares two nodes of a tree. */
import { Errno } from '../../bpf/errno.ts';
import { Field } from '../types.ts';
import * as env from './env.ts';
import { setGraphNode, setNonOwning } from './graph.ts';
import { fieldAt, recordOf } from './record.ts';
import { setNotInit } from './reg.ts';
import { FuncState } from './state.ts';

/** Both nodes are of the tree that the caller passes as its first argument. 0 or -EFAULT. */
export function setGraphCallbackArgs(caller: FuncState, callee: FuncState): i32 {
  const tree = caller.reg(1);
  const root = fieldAt(recordOf(tree), tree.off, Field.RbRoot);
  if (root === 0) return -Errno.EFAULT;
  for (let i: u32 = 1; i <= 2; i++) {
    setGraphNode(callee.reg(i), root);
    const error = setNonOwning(callee.reg(i));
    if (error !== 0) return error;
  }
  for (let i: u32 = 3; i <= 5; i++) setNotInit(callee.reg(i), !env.bpfCapable);
  return 0;
}
