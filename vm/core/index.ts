/** The exports of vm.wasm. */

import { initHeaps, privateAlloc, privateFree, ramAlloc, ramFree } from './heap.ts';
import { callHelper } from './helpers.ts';
import { copyFromKernel, copyToKernel, isMapped, translate } from './ram.ts';

export {
  callHelper,
  copyFromKernel,
  copyToKernel,
  isMapped,
  privateAlloc,
  privateFree,
  ramAlloc,
  ramFree,
  translate,
};

initHeaps();
