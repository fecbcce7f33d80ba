import type { From, ReceivedRecord, Topic } from "../index.ts";
import { useView } from "./latest-view.ts";

export interface UseRecordsOptions {
  /** `latest` when left out. Another value that means the same does not begin anew. */
  from?: From;
  /** How many of the newest are kept and drawn; 100 when left out. */
  limit?: number;
  partitions?: readonly number[];
  /** Ends after what is there when it begins. */
  until?: "end";
}

export interface Records<V, K = string> {
  /** The newest `limit`, in the order in which they came. */
  readonly records: readonly ReceivedRecord<V, K>[];
  /** Why it does not go on. */
  readonly error: Error | undefined;
  /** All that there was has come: only with `until`. */
  readonly isDone: boolean;
}

const LIMIT = 100;

/**
 * A topic's records, drawn as they come: those that come together are drawn together. The topic is known by its client and name;
 * make it once (`useMemo`, or outside of the component).
 */
export function useRecords<V, K>(topic: Topic<V, K>, options: UseRecordsOptions = {}): Records<V, K> {
  const { from = "latest", limit = LIMIT, partitions, until } = options;
  const begin: Records<V, K> = { records: [], error: undefined, isDone: false };
  return useView<Records<V, K>>(
    {
      begin: EMPTY as Records<V, K>,
      async run(show, signal) {
        const records: ReceivedRecord<V, K>[] = [];
        let isDrawn = true;
        const draw = (): void => {
          if (isDrawn) return;
          isDrawn = true;
          show({ ...begin, records: [...records] });
        };
        const subscription = topic.subscribe({
          from,
          signal,
          ...(partitions === undefined ? {} : { partitions }),
          ...(until === undefined ? {} : { until }),
        });
        for await (const record of subscription) {
          records.push(record);
          if (records.length > limit) records.shift();
          if (isDrawn) setTimeout(draw);
          isDrawn = false;
        }
        isDrawn = true;
        show({ ...begin, records: [...records], isDone: !signal.aborted });
      },
      failed: (shown, error) => ({ ...shown, error }),
    },
    [topic, keyOf(from), limit, keyOf(partitions), until],
  );
}

const EMPTY: Records<never, never> = { records: [], error: undefined, isDone: false };

/** Values that mean the same are the same. */
function keyOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? `${part}n` : part)) ?? "";
}
