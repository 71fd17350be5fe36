/** Submissions, and completions, that a restore makes again for one ring at most. */
export const MAX_STEPS = 2 ** 24;
