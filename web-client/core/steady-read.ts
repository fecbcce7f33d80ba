/** Reading that goes on after a store has failed it for a moment: browsers abort transactions for reasons of their own. */
import type { Clock } from "../../log/clock.ts";
import type { LogRecord } from "../../log/record.ts";
import { fullJitterMs, RETRY_BACK_OFF } from "../../sync/back-off.ts";
import { sleep } from "../../sync/wait.ts";
import { isPassing } from "./store-failure.ts";

export interface SteadyReadOptions {
  readonly clock: Clock;
  /** Answers [0, 1). */
  readonly random: () => number;
  /** Ends the reading where it is when the store fails. */
  readonly signal?: AbortSignal | undefined;
}

/** A store that fails so often in a row, with nothing read in between, is told of. */
const FAILURES_MAX = 6;

/** Which way records come. Backwards they come from below an offset, newest first. */
export type Direction = "forward" | "backward";

/** Records as `read` gives them from an offset on. Answers, as it does, where it ended; throws what does not pass. */
export async function* readSteadily(
  read: (offset: bigint) => AsyncGenerator<LogRecord[], bigint, void>,
  offset: bigint,
  { clock, random, signal }: SteadyReadOptions,
  direction: Direction = "forward",
): AsyncGenerator<LogRecord[], bigint, void> {
  let next = offset;
  for (let failures = 0; ; failures++) {
    const reading = read(next);
    try {
      for (;;) {
        const step = await reading.next();
        if (step.done === true) return step.value;
        failures = 0;
        const last = step.value.at(-1);
        if (last !== undefined) next = direction === "forward" ? last.offset + 1n : last.offset;
        yield step.value;
      }
    } catch (error) {
      if (!isPassing(error) || failures + 1 >= FAILURES_MAX) throw error;
    } finally {
      await reading.return(next);
    }
    await sleep(clock, fullJitterMs(failures, random, RETRY_BACK_OFF), signal);
    if (signal?.aborted === true) return next;
  }
}

/** What `work` answers, once the store does not fail it for a moment; rejects with what does not pass. */
export async function doSteadily<T>(
  work: () => Promise<T>,
  { clock, random, signal }: SteadyReadOptions,
): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error) || failures + 1 >= FAILURES_MAX) throw error;
    }
    await sleep(clock, fullJitterMs(failures, random, RETRY_BACK_OFF), signal);
    signal?.throwIfAborted();
  }
}
