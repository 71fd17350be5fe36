/** The exports of vm.wasm. */

import { functionAddress, insnAtSlot, loadProgram, slotOf, unloadProgram } from './decode.ts';
import { raiseFault } from './fault.ts';
import { initStacks } from './frame.ts';
import { initHeaps, privateAlloc, privateFree, ramAlloc, ramFree } from './heap.ts';
import { copyFromKernel, copyToKernel, isMapped, translate } from './ram.ts';
import { resumeRun, startRun } from './run.ts';
import { flushTrace, traceBytes } from './trace.ts';

export {
  copyFromKernel,
  copyToKernel,
  flushTrace,
  functionAddress,
  insnAtSlot,
  isMapped,
  loadProgram,
  privateAlloc,
  privateFree,
  raiseFault,
  ramAlloc,
  ramFree,
  resumeRun,
  slotOf,
  startRun,
  traceBytes,
  translate,
  unloadProgram,
};

initHeaps();
initStacks();
