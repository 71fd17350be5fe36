/** Loads and stores. */
import { notBuilt } from './not-built.ts';

export function checkLoad(index: i32): i32 {
  return notBuilt('loads');
}

export function checkStore(index: i32): i32 {
  return notBuilt('stores');
}

export function checkStoreImm(index: i32): i32 {
  return notBuilt('stores');
}

export function checkAtomic(index: i32): i32 {
  return notBuilt('atomics');
}
