/** Time, as it is handed to every room: a simulated clock can stand in for the real one. */
export interface Clock {
  /** Milliseconds since the epoch. May jump; never used for deadlines across a suspend. */
  now(): number;
  /** Calls `callback` once after `delayMs`; the answer cancels it. */
  setTimer(delayMs: number, callback: () => void): () => void;
  /** Calls `callback` after the I/O events that are already due (`setImmediate` on Node). */
  defer(callback: () => void): void;
}
