/** A program did what no verified program can: the modelled kernel would have stopped with an oops. */
export class RunFailure extends Error {
  override readonly name = 'RunFailure';
}
