/** JSON schemas of files that people write, as functions. */
import { Ajv, type AnySchema, type ValidateFunction } from 'ajv';

/**
 * Compiling takes half as long without a check of the schema itself (a test does it) and without making the code that
 * comes out smaller.
 */
export const SCHEMA_OPTIONS = {
  allowUnionTypes: true,
  strictRequired: false,
  meta: false,
  validateSchema: false,
  inlineRefs: false,
  code: { optimize: false },
} as const;

export function compileSchema(schema: AnySchema): ValidateFunction {
  return new Ajv(SCHEMA_OPTIONS).compile(schema);
}
