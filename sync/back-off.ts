/** How long to wait between attempts: full jitter, so that a thousand tabs do not come back in one instant. */
export interface BackOffOptions {
  /** Upper bound of the first wait, milliseconds. */
  baseMs: number;
  /** Upper bound of any wait, milliseconds. */
  capMs: number;
}

export const RECONNECT_BACK_OFF: BackOffOptions = { baseMs: 250, capMs: 30_000 };
export const RETRY_BACK_OFF: BackOffOptions = { baseMs: 100, capMs: 10_000 };

/** Doublings beyond this change nothing: the cap is reached long before. */
const DOUBLINGS_MAX = 30;

/**
 * The wait before attempt `attempt + 1`, after `attempt` failures (0 for the first wait): evenly spread over
 * [0, min(cap, base * 2^attempt)). `random` answers [0, 1).
 */
export function fullJitterMs(attempt: number, random: () => number, options: BackOffOptions): number {
  const bound = Math.min(options.capMs, options.baseMs * 2 ** Math.min(attempt, DOUBLINGS_MAX));
  return Math.floor(random() * bound);
}
