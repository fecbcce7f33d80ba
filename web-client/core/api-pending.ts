/** The shapes of the public API for reading what is not in the log yet together with what is. */
import type { OutboxEntry, ReceivedRecord } from "./api.ts";

/**
 * As in the outbox; and `delivered`: in the log, and not in this device's replica yet. `gone`: only `follow` tells of it, of a
 * record that it has told of before: discarded by the app, or superseded before it came here; it is not to be shown any more.
 */
export type PendingState = OutboxEntry["state"] | "delivered" | "gone";

/** A record that was published on this device and has not come back, in the replica or in the subscription. */
export interface PendingRecord<V, K = string> extends Omit<ReceivedRecord<V, K>, "partition" | "offset"> {
  readonly isPending: true;
  /** The same as that of the record with an offset that will take its place. */
  readonly id: string;
  /** What `outbox.retry` and `outbox.discard` take. */
  readonly outboxId: number;
  /** undefined: it is not decided yet. */
  readonly partition: number | undefined;
  readonly offset: undefined;
  readonly state: PendingState;
  /** Why it is held, in doubt or refused. */
  readonly reason: string | undefined;
}

/** A record of the log, as who reads with `pending` gets it. */
export interface ArrivedRecord<V, K = string> extends ReceivedRecord<V, K> {
  readonly isPending: false;
  /** For keys of lists: of a record that this reader was told of as pending, the id that it had then. */
  readonly id: string;
}

/**
 * Reads what was published on this device, too, before it has come back, in the replica (or in the subscription, which keeps nothing
 * on the device, and knows of what has come by for as long as it goes on): from `queued` on until its offset is
 * here, offline, after a reload and in all tabs, and never twice. The exceptions: a record `in doubt` may be in the log beside
 * it. And in a replica, of a topic that nobody has read so on this device before, what was delivered until then is here when the replica has
 * it; so is what was delivered while the replica was far behind (1000 records, or 4 MiB, are kept). Of some partitions, records
 * are shown as soon as it is decided that they go there.
 */
export interface PendingOptions {
  pending: true;
}

/** What is read with `pending`: `isPending` tells which of the two it is. */
export type LocalRecord<V, K = string> = ArrivedRecord<V, K> | PendingRecord<V, K>;
