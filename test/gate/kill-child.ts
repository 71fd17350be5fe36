/** Writes without end, until it is killed: entries of a cache, or a baseline over and over. */
import { writeAtomically } from '../../gate/atomic-file.ts';
import { cacheKey, ResultCache } from '../../gate/cache.ts';
import { baselineValue, cacheValue, partsOf } from './kill-values.ts';

const [what, place = '', first] = process.argv.slice(2);

process.stdout.write('ready\n');
const cache = what === 'cache' ? new ResultCache(place) : undefined;
for (let n = Number(first); ; n++) {
  if (cache) cache.put(cacheKey(partsOf(n)), cacheValue(n));
  else writeAtomically(place, baselineValue(n));
}
