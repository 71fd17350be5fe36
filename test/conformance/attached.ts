/** Programs that attach to other programs, against what Linux answered. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { answerTo, answerToChain, recordedModules, startVerifier } from '../verifier/attach-support.ts';
import { type AttachAnswer, unpackCases } from './attach-archive.ts';
import type { Context } from './context.ts';
import type { Line } from './line.ts';

export async function attached({ root, recorded }: Context): Promise<Line[]> {
  const verifier = await startVerifier(recordedModules());
  const golden = readFileSync(join(root, 'test/verifier/golden/attach-6.12.json'), 'utf8');
  const own = (JSON.parse(golden) as AttachAnswer[]).filter(({ stage }) => stage === 'kernel');
  const selftests = unpackCases(readFileSync(join(recorded, 'attach-6.12.br')));
  const wrong = [
    ...own.filter((answer) => !isDeepStrictEqual(answerTo(verifier, answer.case), answer)),
    ...selftests.filter(
      ({ chain, ...answer }) => !isDeepStrictEqual(answerToChain(verifier, answer.case, chain), answer),
    ),
  ];
  const total = own.length + selftests.length;
  const notes = wrong.map((answer) => answer.case);
  return [
    { name: 'attached to programs, whole answer', good: total - wrong.length, total, needs: total, notes },
  ];
}
