/**
 * Switches between ways in which kernels verify, as the core gets them: bit numbers of `Request.Features`. What each
 * means is told where profiles have them, in kernel-model/features.ts, in the same order. Compiled by tsc and asc.
 */
export const enum Feature {
  TrustedPointers = 0,
  RepeatedCallbacks = 1,
  MutualBounds = 2,
  BitwiseSigns = 3,
  VariableOperands = 4,
  ForkedMasks = 5,
  Invariants = 6,
  WiderLinks = 7,
  ComparedLinks = 8,
  TrackedSpills = 9,
  ExactLoops = 10,
  CalledGlobals = 11,
  ArgumentTags = 12,
  GuardedDynptrs = 13,
  LateAttach = 14,
  BoundedReturns = 15,
  SpecificErrnos = 16,
  NestedFields = 17,
  OwnObjects = 18,
  OwningKptrs = 19,
  Recursion = 20,
  CpuNumbers = 21,
  EqualPointers = 22,
}
