/** The wasm surface of the verifier. */

import { arenaReset } from './arena.ts';
import { checkCfg } from './cfg.ts';
import { checkPaths } from './check.ts';
import { beginVerification, setState } from './env.ts';
import { equalReset } from './equal.ts';
import { historyReset } from './history.ts';
import { logReset } from './log.ts';
import { pendingReset } from './pending.ts';
import { precisionReset } from './precision.ts';
import { printReset } from './print.ts';
import { pruneReset } from './prune.ts';
import { sourceReset } from './source.ts';
import { newFrame, newState } from './state.ts';
import { checkSubprogs, findSubprogs } from './subprog.ts';

/** Verifies the request at an address. 0 or a negative errno. */
export function verify(request: usize): i32 {
  arenaReset();
  beginVerification(request);
  logReset(true);
  historyReset();
  precisionReset();
  printReset();
  sourceReset();
  pendingReset();
  pruneReset();
  equalReset();
  let error = findSubprogs();
  if (error === 0) error = checkSubprogs();
  if (error === 0) error = checkCfg();
  if (error !== 0) return error;
  const state = newState();
  state.setFrame(0, newFrame());
  setState(state);
  return checkPaths();
}
