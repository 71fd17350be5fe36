/**
 * The wasm surface of the verifier. The host calls `beginRequest`, allocates the request's parts with
 * `allocate`, fills them in (`verifier/abi.ts`), and calls `verify`. Kernel BTF and tables are put in place once
 * with `allocateKept`, before the first request.
 */
import { allocate, allocateKept, arenaExhausted } from './arena.ts';
import { openBtf } from './btf.ts';
import { setVmlinuxBtf } from './env.ts';
import { beginRequest, stackDepthOf, subprogFacts, verify } from './verify.ts';

export {
  allocate,
  allocateKept,
  arenaExhausted,
  beginRequest,
  openBtf,
  setVmlinuxBtf,
  stackDepthOf,
  subprogFacts,
  verify,
};
