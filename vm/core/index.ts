/** The exports of vm.wasm. */

import {
  DIRECT_MAP,
  HIGH_FRAMES,
  HIGH_PFN,
  KERNEL_IMAGE,
  PAGE_SHIFT,
  PAGE_SIZE,
  PAGE_STRUCT_SIZE,
  TASK_SIZE,
  VMALLOC,
  VMALLOC_PAGES,
  VMEMMAP,
} from './address.ts';
import { functionAddress, insnAtSlot, loadProgram, slotOf, unloadProgram } from './decode.ts';
import { raiseFault } from './fault.ts';
import { initStacks } from './frame.ts';
import { initHeaps, privateAlloc, privateFree, ramAlloc, ramFree } from './heap.ts';
import { callHelper } from './helpers.ts';
import { setCpus } from './map.ts';
import {
  entryBucket,
  entryKeyOffset,
  entryValueOffset,
  mapAddField,
  mapCount,
  mapCreate,
  mapCursor,
  mapDelete,
  mapDestroy,
  mapFirstValue,
  mapFreeze,
  mapIterate,
  mapLookup,
  mapMaxEntries,
  mapNextKey,
  mapReference,
  mapRewind,
  mapSeek,
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
import { setAlias } from './sparse.ts';
import { flushTrace, traceBytes } from './trace.ts';

export {
  callHelper,
  copyFromKernel,
  copyToKernel,
  DIRECT_MAP,
  entryBucket,
  entryKeyOffset,
  entryValueOffset,
  flushTrace,
  functionAddress,
  HIGH_FRAMES,
  HIGH_PFN,
  insnAtSlot,
  isMapped,
  KERNEL_IMAGE,
  loadProgram,
  mapAddField,
  mapCount,
  mapCreate,
  mapCursor,
  mapDelete,
  mapDestroy,
  mapFirstValue,
  mapFreeze,
  mapIterate,
  mapLookup,
  mapMaxEntries,
  mapNextKey,
  mapReference,
  mapRewind,
  mapSeek,
  mapSetInner,
  mapSetReference,
  mapTake,
  mapUpdate,
  mapValueSpan,
  mapVisible,
  PAGE_SHIFT,
  PAGE_SIZE,
  PAGE_STRUCT_SIZE,
  privateAlloc,
  privateFree,
  raiseFault,
  ramAlloc,
  ramFree,
  resetRandom,
  resumeRun,
  ringbufNext,
  ringbufSampleLength,
  setAlias,
  setCpus,
  setSeqLayout,
  slotOf,
  startRun,
  TASK_SIZE,
  traceBytes,
  translate,
  unloadProgram,
  userRingbufSample,
  VMALLOC,
  VMALLOC_PAGES,
  VMEMMAP,
};

initHeaps();
initStacks();
