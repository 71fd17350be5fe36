/** Arguments of the function that compares two nodes of a tree. */
import { Errno } from '../../bpf/errno.ts';
import { RecordField } from '../btf-abi.ts';
import { Field } from '../types.ts';
import * as env from './env.ts';
import { setGraphNode, setNonOwning } from './graph.ts';
import { fieldWord, findField } from './graph-field.ts';
import { setNotInit } from './reg.ts';
import { FuncState } from './state.ts';

/** Two nodes of the tree that is the caller's first argument. 0 or -EFAULT. */
export function setGraphCallbackArgs(caller: FuncState, callee: FuncState): i32 {
  const tree = caller.reg(1);
  const root = findField(tree, tree.off, Field.RbRoot);
  if (root === 0 || fieldWord(root, RecordField.TypeId) === 0) return -Errno.EFAULT;
  for (let i: u32 = 1; i <= 2; i++) {
    setGraphNode(callee.reg(i), root);
    setNonOwning(callee.reg(i));
  }
  for (let i: u32 = 3; i <= 5; i++) setNotInit(callee.reg(i), !env.bpfCapable);
  return 0;
}
