/** Timers and work queues. */
export { type Clock, Deferred } from './deferred.ts';
export { SETTLE_CALLBACKS, SETTLE_TIME, type Settled, settle } from './settle.ts';
export type { WorkFunction, WorkKind } from './work.ts';
