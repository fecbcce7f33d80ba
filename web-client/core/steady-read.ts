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

/** Records as `read` gives them from an offset on. Answers, as it does, where it ended; throws what does not pass. */
export async function* readSteadily(
  read: (offset: bigint) => AsyncGenerator<LogRecord[], bigint, void>,
  offset: bigint,
  { clock, random, signal }: SteadyReadOptions,
): AsyncGenerator<LogRecord[], bigint, void> {
  let next = offset;
  for (let failures = 0; ; failures++) {
    const reading = read(next);
    try {
      for (;;) {
        const step = await reading.next();
        if (step.done === true) return step.value;
        failures = 0;
        next = (step.value.at(-1)?.offset ?? next - 1n) + 1n;
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
