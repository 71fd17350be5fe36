/** Holds what the report says is missing against the verifier: what is accepted lacks nothing that it certainly needs. */
import { InputError } from '../../bpf/input-error.ts';
import { loadObject } from '../../loader/index.ts';
import { readObject } from '../../loader/object-file-node.ts';
import { openKernel } from '../../portability/kernels-node.ts';
import { readNeeds } from '../../portability/object-needs.ts';
import { isMissing, reportOn } from '../../portability/report.ts';
import { verifyProgram } from '../../verifier/examine.ts';
import { verifierLoadOptions } from '../../verifier/load-options-node.ts';
import type { Verifier } from '../../verifier/verifier.ts';

export interface Claims {
  /** Programs that the verifier accepts. */
  accepted: number;
  rejected: number;
  /** Of those that are not accepted, how many lack something for certain. */
  explained: number;
  /** "program: need" of accepted programs that are said to lack something. */
  wrong: string[];
}

/** Undefined for an object that the loader refuses as a whole. */
export function checkClaims(
  path: string,
  { kernel, verifier, series }: { kernel: string; verifier: Verifier; series: boolean },
): Claims | undefined {
  const claims: Claims = { accepted: 0, rejected: 0, explained: 0, wrong: [] };
  try {
    const bytes = readObject(path);
    const options = verifierLoadOptions(kernel, !series);
    const object = loadObject(bytes, { ...options, file: path, programs: 'all' });
    const report = reportOn(readNeeds(bytes, path), [openKernel(kernel, series)]);
    const missing = report.rows.flatMap(({ need, cells }) =>
      cells
        .filter(isMissing)
        .flatMap(({ lacking }) =>
          lacking
            .filter(({ when }) => when === 'certain')
            .map((use) => ({ program: use.program?.name, text: `${need.subject.kind} ${need.name}` })),
        ),
    );
    for (const program of object.programs) {
      const { verdict } = verifyProgram({ verifier }, { path, object, program });
      const lacks = missing.filter((each) => each.program === undefined || each.program === program.name);
      if (verdict?.accepted) {
        claims.accepted++;
        claims.wrong.push(...lacks.map(({ text }) => `${program.name}: ${text}`));
      } else {
        claims.rejected++;
        if (lacks.length > 0) claims.explained++;
      }
    }
    return claims;
  } catch (cause) {
    if (cause instanceof InputError) return undefined;
    throw cause;
  }
}
