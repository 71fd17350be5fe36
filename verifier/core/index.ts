/**
 * The wasm surface of the verifier. The host calls `beginRequest`, allocates the request's parts with
 * `allocatePart`, fills them in (`verifier/abi.ts`), and calls `verify`. Kernel BTF and tables are put in place once
 * with `allocateKept`, before the first request.
 */
import { allocateKept, allocatePart } from './arena.ts';
import { openBtf } from './btf.ts';
import { abandoned } from './effort.ts';
import { setVmlinuxBtf } from './env.ts';
import { subprogFacts } from './subprog.ts';
import {
  beginRequest,
  endAbandoned,
  isPercpuObjectAt,
  nodeOffsetAt,
  objectSizeAt,
  objectTypeAt,
  pointersAt,
  stackDepthOf,
  verify,
} from './verify.ts';

export {
  abandoned,
  allocateKept,
  allocatePart,
  beginRequest,
  endAbandoned,
  isPercpuObjectAt,
  nodeOffsetAt,
  objectSizeAt,
  objectTypeAt,
  openBtf,
  pointersAt,
  setVmlinuxBtf,
  stackDepthOf,
  subprogFacts,
  verify,
};
