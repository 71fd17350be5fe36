/** The exports of vm.wasm. */

import { functionAddress, insnAtSlot, loadProgram, slotOf, unloadProgram } from './decode.ts';
import { raiseFault } from './fault.ts';
import { initStacks } from './frame.ts';
import { initHeaps, privateAlloc, privateFree, ramAlloc, ramFree } from './heap.ts';
import { callHelper } from './helpers.ts';
import { setCpus } from './map.ts';
import {
  entryKeyOffset,
  entryValueOffset,
  mapAddField,
  mapCount,
  mapCreate,
  mapDelete,
  mapDestroy,
  mapFirstValue,
  mapFreeze,
  mapIterate,
  mapLookup,
  mapMaxEntries,
  mapNextKey,
  mapRewind,
  mapSetInner,
  mapSetReference,
  mapTake,
  mapUpdate,
  mapValueSpan,
  mapVisible,
  ringbufNext,
  ringbufSampleLength,
  userRingbufSample,
} from './map-exports.ts';
import { copyFromKernel, copyToKernel, isMapped, translate } from './ram.ts';
import { resetRandom } from './random.ts';
import { resumeRun, startRun } from './run.ts';
import { setSeqLayout } from './seq.ts';
import { flushTrace, traceBytes } from './trace.ts';

export {
  callHelper,
  copyFromKernel,
  copyToKernel,
  entryKeyOffset,
  entryValueOffset,
  flushTrace,
  functionAddress,
  insnAtSlot,
  isMapped,
  loadProgram,
  mapAddField,
  mapCount,
  mapCreate,
  mapDelete,
  mapDestroy,
  mapFirstValue,
  mapFreeze,
  mapIterate,
  mapLookup,
  mapMaxEntries,
  mapNextKey,
  mapRewind,
  mapSetInner,
  mapSetReference,
  mapTake,
  mapUpdate,
  mapValueSpan,
  mapVisible,
  privateAlloc,
  privateFree,
  raiseFault,
  ramAlloc,
  ramFree,
  resetRandom,
  resumeRun,
  ringbufNext,
  ringbufSampleLength,
  setCpus,
  setSeqLayout,
  slotOf,
  startRun,
  traceBytes,
  translate,
  unloadProgram,
  userRingbufSample,
};

initHeaps();
initStacks();
