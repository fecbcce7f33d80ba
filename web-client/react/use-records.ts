import type { From, LocalRecord, ReceivedRecord, Topic } from "../index.ts";
import { useView } from "./latest-view.ts";
import { LocalList } from "./local-list.ts";
import type { AnyRecord } from "./local-list.ts";

export interface UseRecordsOptions {
  /** `latest` when left out. Another value that means the same does not begin anew. */
  from?: From;
  /** How many of the newest are kept and drawn; 100 when left out. */
  limit?: number;
  partitions?: readonly number[];
  /** Ends after what is there when it begins. */
  until?: "end";
}

export interface Records<V, K = string, R = ReceivedRecord<V, K>> {
  /**
   * The newest `limit`, in the order in which they came. With `pending` by their timestamps, within a partition as the log has
   * them, and after them, in the order of publishing, all that was published on this device and has not come yet. A record's `id`
   * is the same before and after it has come: make it the `key` of what you draw.
   */
  readonly records: readonly R[];
  /** Why it does not go on. */
  readonly error: Error | undefined;
  /** All that there was has come: only with `until`. */
  readonly isDone: boolean;
}

const LIMIT = 100;

/**
 * A topic's records, drawn as they come: those that come together are drawn together. Where the browser ends the client's worker,
 * it goes on with the next one, from where it was. The topic is known by its client and name;
 * make it once (`useMemo`, or outside of the component).
 */
export function useRecords<V, K>(
  topic: Topic<V, K>,
  options: UseRecordsOptions & { pending: true },
): Records<V, K, LocalRecord<V, K>>;
export function useRecords<V, K>(topic: Topic<V, K>, options?: UseRecordsOptions): Records<V, K>;
export function useRecords<V, K>(
  topic: Topic<V, K>,
  options: UseRecordsOptions & { pending?: boolean } = {},
): Records<V, K, AnyRecord<V, K>> {
  const { from = "latest", limit = LIMIT, partitions, until, pending = false } = options;
  const begin: Records<V, K, AnyRecord<V, K>> = { records: [], error: undefined, isDone: false };
  return useView<Records<V, K, AnyRecord<V, K>>>(
    {
      begin: EMPTY,
      async run(show, signal) {
        const list = pending ? new LocalList<V, K>(limit) : new NewestRecords<V, K>(limit);
        let isDrawn = true;
        const draw = (): void => {
          if (isDrawn) return;
          isDrawn = true;
          show({ ...begin, records: list.records });
        };
        const wanted = {
          from,
          signal,
          ...(partitions === undefined ? {} : { partitions }),
          ...(until === undefined ? {} : { until }),
        };
        const subscription: AsyncIterable<AnyRecord<V, K>> = pending
          ? topic.subscribe({ ...wanted, pending })
          : topic.subscribe(wanted);
        for await (const record of subscription) {
          list.add(record);
          if (isDrawn) setTimeout(draw);
          isDrawn = false;
        }
        isDrawn = true;
        show({ ...begin, records: list.records, isDone: !signal.aborted });
      },
      failed: (shown, error) => ({ ...shown, error }),
    },
    [topic, keyOf(from), limit, keyOf(partitions), until, pending],
  );
}

/** In the order in which they came. */
class NewestRecords<V, K> {
  private readonly limit: number;
  private readonly kept: AnyRecord<V, K>[] = [];

  constructor(limit: number) {
    this.limit = limit;
  }

  get records(): readonly AnyRecord<V, K>[] {
    return [...this.kept];
  }

  add(record: AnyRecord<V, K>): void {
    this.kept.push(record);
    if (this.kept.length > this.limit) this.kept.shift();
  }
}

const EMPTY: Records<never, never, never> = { records: [], error: undefined, isDone: false };

/** Values that mean the same are the same. */
function keyOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? `${part}n` : part)) ?? "";
}
