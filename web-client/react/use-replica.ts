import type {
  LocalRecord,
  ReceivedRecord,
  Replica,
  ReplicaProgress,
  ReplicateOptions,
  Topic,
} from "../index.ts";
import { inAnyWorker, useView } from "./latest-view.ts";
import { LocalList } from "./local-list.ts";
import type { AnyRecord } from "./local-list.ts";

export interface UseReplicaOptions extends Omit<ReplicateOptions, "signal"> {
  /**
   * How many of the newest records are read and drawn, besides the pending ones: 100 with `pending`, else none. (A replica may be
   * larger than what can be drawn.)
   */
  limit?: number;
}

export interface ReplicaView<V, K = string, R = ReceivedRecord<V, K>> {
  /** undefined until it is open. */
  readonly replica: Replica<V, K> | undefined;
  readonly progress: ReplicaProgress | undefined;
  /**
   * By their timestamps, within a partition as the log has them; with `pending` what is not here yet comes last, in the order of
   * publishing. A record's `id` is the same before and after it has arrived: make it the `key` of what you draw.
   */
  readonly records: readonly R[];
  /** Why there is none. */
  readonly error: Error | undefined;
}

/**
 * Keeps a topic on this device from the first time on that it is drawn, and shows how far it is; with `limit` or `pending` also
 * what is in it. What is kept is kept on being followed when the component goes: close the replica where that is not wanted.
 * `keep` and `partitions` count when it begins. Where the browser ends the client's worker, it goes on with the next one.
 */
export function useReplica<V, K>(
  topic: Topic<V, K>,
  options: UseReplicaOptions & { pending: true },
): ReplicaView<V, K, LocalRecord<V, K>>;
export function useReplica<V, K>(topic: Topic<V, K>, options?: UseReplicaOptions): ReplicaView<V, K>;
export function useReplica<V, K>(
  topic: Topic<V, K>,
  { limit, pending = false, ...options }: UseReplicaOptions & { pending?: boolean } = {},
): ReplicaView<V, K, AnyRecord<V, K>> {
  const last = limit ?? (pending ? LIMIT : 0);
  return useView<ReplicaView<V, K, AnyRecord<V, K>>>(
    {
      begin: EMPTY,
      async run(show, signal) {
        let replica: Replica<V, K>;
        try {
          replica = await inAnyWorker(signal, () => topic.replicate({ ...options, signal }));
        } catch (error) {
          if (signal.aborted) return;
          throw error;
        }
        let list = new LocalList<V, K>(last);
        let progress: ReplicaProgress | undefined;
        const draw = (): void => show({ replica, progress, records: list.records, error: undefined });
        const watch = async (): Promise<void> => {
          for await (progress of replica.progress({ signal })) draw();
        };
        const read = async (gotOn: () => void): Promise<void> => {
          const fresh = new LocalList<V, K>(last);
          let isDrawn = true;
          let isOver = false;
          let givesUp: ReturnType<typeof setTimeout> | undefined;
          const drawThis = (): void => {
            clearTimeout(givesUp);
            list = fresh;
            draw();
          };
          const reading: AsyncIterable<AnyRecord<V, K>> = pending
            ? replica.follow({ last, pending, signal })
            : replica.follow({ last, signal });
          try {
            for await (const record of reading) {
              fresh.add(record);
              gotOn();
              if (isDrawn)
                setTimeout(() => {
                  isDrawn = true;
                  if (isOver && list !== fresh) return;
                  // What was drawn before the worker ended stays until it is here again.
                  if (list === fresh || fresh.isAsFarAs(list)) drawThis();
                  else givesUp ??= setTimeout(drawThis, PATIENCE_MS);
                });
              isDrawn = false;
            }
          } finally {
            isOver = true;
            clearTimeout(givesUp);
          }
        };
        const isRead = last > 0 || pending;
        await Promise.all([watch(), ...(isRead ? [inAnyWorker(signal, read)] : [])]);
      },
      failed: (shown, error) => ({ ...shown, error }),
    },
    [topic, last, pending],
  );
}

const LIMIT = 100;
/** So long what was drawn stays though it is not here again: where the replica was cut back, it never will be. In milliseconds. */
const PATIENCE_MS = 1000;
const EMPTY: ReplicaView<never, never, never> = {
  replica: undefined,
  progress: undefined,
  records: [],
  error: undefined,
};
