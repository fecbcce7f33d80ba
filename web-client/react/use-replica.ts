import type { Replica, ReplicaProgress, ReplicateOptions, Topic } from "../index.ts";
import { useView } from "./latest-view.ts";

export interface ReplicaView<V, K = string> {
  /** undefined until it is open. */
  readonly replica: Replica<V, K> | undefined;
  readonly progress: ReplicaProgress | undefined;
  /** Why there is none. */
  readonly error: Error | undefined;
}

/**
 * Keeps a topic on this device from the first time on that it is drawn, and shows how far it is. What is kept is kept on being
 * followed when the component goes: close the replica where that is not wanted. `keep` and `partitions` count when it begins.
 */
export function useReplica<V, K>(
  topic: Topic<V, K>,
  options: Omit<ReplicateOptions, "signal"> = {},
): ReplicaView<V, K> {
  return useView<ReplicaView<V, K>>(
    {
      begin: EMPTY,
      async run(show, signal) {
        let replica: Replica<V, K>;
        try {
          replica = await topic.replicate({ ...options, signal });
        } catch (error) {
          if (signal.aborted) return;
          throw error;
        }
        for await (const progress of replica.progress({ signal }))
          show({ replica, progress, error: undefined });
      },
      failed: (shown, error) => ({ ...shown, error }),
    },
    [topic],
  );
}

const EMPTY: ReplicaView<never, never> = { replica: undefined, progress: undefined, error: undefined };
