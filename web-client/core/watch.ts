/** What changes, as something to iterate over. */
import { Bell, onAbort } from "../../sync/wait.ts";
import type { ReplicaNews } from "./replica-handle.ts";
import type { ConnectionState, Replica, ReplicaPartition, ReplicaProgress, Rivulet } from "./api.ts";

export interface WatchOptions<T> {
  /** Calls `hear` whenever `read` may answer something else; the answer takes it away again. */
  readonly listen: (hear: () => void) => () => void;
  readonly read: () => T;
  /** Ends after this one. */
  readonly isLast?: (value: T) => boolean;
  /** End it; it ends without an error. */
  readonly signals: readonly (AbortSignal | undefined)[];
}

/** What there is now, and again after each change: who is slow gets the newest, not all that was between. */
export async function* watch<T>({
  listen,
  read,
  isLast,
  signals,
}: WatchOptions<T>): AsyncGenerator<T, void, void> {
  const bell = new Bell();
  const ring = (): void => bell.ring();
  const isOver = (): boolean => signals.some((signal) => signal?.aborted === true);
  const stop = listen(ring);
  const forget = signals.map((signal) => signal && onAbort(signal, ring));
  try {
    while (!isOver()) {
      const change = bell.next();
      const value = read();
      yield value;
      if (isLast?.(value) === true) return;
      await change;
    }
  } finally {
    stop();
    for (const each of forget) each?.();
  }
}

/** The states of a connection, as `Rivulet.states` gives them. */
export function connectionStates(
  client: Pick<Rivulet, "state" | "addEventListener" | "removeEventListener">,
  signal: AbortSignal | undefined,
): AsyncGenerator<ConnectionState, void, void> {
  return watch({
    listen(hear) {
      client.addEventListener("state", hear);
      return () => client.removeEventListener("state", hear);
    },
    read: () => client.state,
    isLast: ({ name }) => name === "closed",
    signals: [signal],
  });
}

/** How far a replica is, as `Replica.progress` gives it; the signals end it. */
export function replicaProgress(
  replica: Pick<Replica<unknown, unknown>, "heldRecords" | "heldBytes" | "partitions">,
  news: ReplicaNews,
  ...signals: readonly (AbortSignal | undefined)[]
): AsyncGenerator<ReplicaProgress, void, void> {
  const read = (): ReplicaProgress => {
    const { heldRecords, heldBytes, partitions } = replica;
    return { heldRecords, heldBytes, missingRecords: missingIn(partitions), partitions };
  };
  return watch({
    listen: (hear) => news.hear(hear),
    read,
    signals,
  });
}

function missingIn(partitions: readonly ReplicaPartition[]): bigint | undefined {
  let missing = 0n;
  for (const { to, highWatermark } of partitions) {
    if (highWatermark === undefined) return undefined;
    if (to < highWatermark) missing += highWatermark - to;
  }
  return missing;
}
