/** The schema of scene files as a function; scripts/build-cli.mjs puts the compiled function in the place of this file. */
import type { ValidateFunction } from 'ajv';
import { compileSchema } from '../compile-schema.ts';
import schema from './schema.json' with { type: 'json' };

let compiled: ValidateFunction | undefined;

export function validator(): ValidateFunction {
  compiled ??= compileSchema(schema);
  return compiled;
}
