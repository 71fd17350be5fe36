/** The exports of vm.wasm. */

import { insnAtSlot, loadProgram, slotOf, unloadProgram } from './decode.ts';
import { initStacks } from './frame.ts';
import { initHeaps, privateAlloc, privateFree, ramAlloc, ramFree } from './heap.ts';
import { copyFromKernel, copyToKernel, isMapped, translate } from './ram.ts';
import { resumeRun, startRun } from './run.ts';

export {
  copyFromKernel,
  copyToKernel,
  insnAtSlot,
  isMapped,
  loadProgram,
  privateAlloc,
  privateFree,
  ramAlloc,
  ramFree,
  resumeRun,
  slotOf,
  startRun,
  translate,
  unloadProgram,
};

initHeaps();
initStacks();
