/** What vm.wasm exports about maps (vm/core/map-exports.ts). Maps go by slot, keys and values by offset. */
export interface MapExports {
  mapCreate(
    type: number,
    keySize: number,
    valueSize: number,
    maxEntries: number,
    flags: number,
    extraLow: number,
    extraHigh: number,
    inner: number,
    visibleSize: number,
  ): number;
  mapDestroy(slot: number): void;
  mapAddField(slot: number, offset: number, size: number, lock: number): number;
  mapSetValueType(slot: number, type: number): void;
  mapMaskFields(slot: number, copy: number): void;
  mapFreeze(slot: number): number;
  mapVisible(slot: number): number;
  mapFirstValue(slot: number): number;
  mapCount(slot: number): number;
  mapMaxEntries(slot: number): number;
  mapValueSpan(slot: number): number;
  mapLookup(slot: number, key: number, value: number, flags: number): number;
  mapUpdate(slot: number, key: number, value: number, flags: number): number;
  mapDelete(slot: number, key: number): number;
  mapTake(slot: number, key: number, value: number): number;
  mapNextKey(slot: number, key: number, next: number): number;
  mapSetInner(slot: number, key: number, inner: number, flags: number): number;
  mapSetReference(slot: number, index: number, reference: number): number;
  mapReference(slot: number, index: number): number;
  mapCursor(): number;
  mapRewind(): void;
  mapSeek(slot: number, bucket: number, skip: number): void;
  mapIterate(slot: number): number;
  entryKeyOffset(): number;
  entryValueOffset(): number;
  entryBucket(): number;
  ringbufNext(slot: number): number;
  ringbufSampleLength(): number;
  userRingbufSample(slot: number, size: number): number;
  setCpus(count: number, current: number): number;
  setSeqLayout(buf: number, size: number, count: number): void;
  resetRandom(): void;
}
