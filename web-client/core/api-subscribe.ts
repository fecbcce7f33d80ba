/** The shapes of the public API for reading a topic as the gateway has it. */
import type { ReceivedRecord } from "./api.ts";

export interface Position {
  /** -1 where the device was too full to note it, and the tab that delivered it could not tell: then the offset is not known either. */
  readonly partition: number;
  /** -1n: the record is in the log, and it can no longer be told where. */
  readonly offset: bigint;
}

/** Where to begin where nothing else is known. */
export type Start = "earliest" | "latest";

/**
 * `earliest`: all that is there. `latest`: what comes from now on. Positions: the first offset wanted in each partition that
 * is named, and all that is there in the others. `timestamp`: the first record of that time or later (milliseconds since the
 * epoch), by the records' own timestamps.
 *
 * `stored`: where this device left off, under a name of the app's, or as `stored` where it needs but one. What was read is
 * noted on the device when the app asks for the next record, or has come to the end: a record that the app was at when the
 * tab died or the loop was left is read again (at least once). Tabs that read under one name note into the same place. Where
 * nothing is stored yet, a topic that was made anew included, `otherwise` says where to begin; `earliest` when left out.
 *
 * An offset beyond the end of the log (which has lost its end since) begins at its end: nothing that comes is missed.
 */
export type From =
  | Start
  | Position
  | readonly Position[]
  | { readonly timestamp: number | Date }
  | "stored"
  | { readonly stored: string; readonly otherwise?: Start };

export interface SubscribeOptions {
  /** `latest` when left out. */
  from?: From;
  /** `end`: ends after what is there when it begins, or begins again in another worker. Goes on live when left out. */
  until?: "end";
  /** All when left out, also those that the topic gets later. */
  partitions?: readonly number[];
  /** Ends the iteration without an error. */
  signal?: AbortSignal;
  /** Is told what will not come: [from, to) was removed by retention before it was read. */
  onGap?: (gap: { readonly partition: number; readonly from: bigint; readonly to: bigint }) => void;
}

/**
 * Records one by one. It begins with the first `next()`, and ends with `close()`, `return()` (a loop that is left) or its signal.
 * Where the browser ends the client's worker it goes on in the next one, without a gap or a double.
 */
export interface Subscription<V, K = string, R = ReceivedRecord<V, K>>
  extends AsyncIterableIterator<R, void, void>, AsyncDisposable {
  /** Ends it, also while a record is waited for; what was read is noted by then. */
  close(): Promise<void>;
}
