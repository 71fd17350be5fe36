import { InputError } from '../../bpf/input-error.ts';

/** Where something stands in a scene file: keys and indexes from the top. */
export type ScenePath = readonly (string | number)[];

/** Line and column, from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A scene that cannot be built; the message starts with file:line:column. */
export class SceneError extends InputError {
  readonly line: number;
  readonly column: number;
  /** The modelled system call failed with this (positive); 0 when it was not a call that failed. */
  readonly errno: number;

  constructor(reason: string, file: string, position: Position, errno = 0) {
    super(`${file}:${position.line}:${position.column}: ${reason}`);
    this.line = position.line;
    this.column = position.column;
    this.errno = errno;
  }
}
