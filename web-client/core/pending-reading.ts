/**
 * Reads a topic as the gateway has it, and what is pending on this device: each record once, as a replica's readers have it. What
 * makes it exact is what makes them so: the rows are looked at after something has come, and before it is given. But nothing is
 * kept for it in the rows: what is delivered is known from its receipt until it comes, for as long as this reading goes on.
 */
import type { BatchHeader } from "../../log/batch.ts";
import { pendingRows } from "../../sync/pending-rows.ts";
import { Bell } from "../../sync/wait.ts";
import type { LocalBatch } from "./local-record.ts";
import { PendingTracker } from "./pending-tracker.ts";
import type { RecordBatch } from "./record-batch.ts";
import type { TopicReading } from "./topic-reading.ts";

/** Ends with what it reads; where that ends with what is there, what is pending comes last. */
export async function* pendingReading(reading: TopicReading): AsyncGenerator<LocalBatch, void, void> {
  const { name, parts, options, signal } = reading;
  const { published, metadata } = parts;
  const tracker = new PendingTracker();
  const { former } = options;
  if (former !== undefined) tracker.goOn(former.told, former.arrived);
  const next = new Map<number, bigint>(former?.next);
  const headers = new Map<number, BatchHeader>();
  const only = options.partitions && new Set(options.partitions);
  const bell = new Bell();
  const ring = (): void => bell.ring();
  /** Something has come, or the rows may have changed, since they were looked at. */
  let isStale = true;
  const stopHearing = published.onChange(() => {
    isStale = true;
    ring();
  });
  let topicId: string | undefined;
  const batches = reading.batches({
    onData: () => (isStale = true),
    onBatch: (partition, header) => headers.set(partition, header),
    onMove: (partition, to) => {
      next.set(partition, to);
      ring();
    },
  });
  let coming: { readonly step: IteratorResult<RecordBatch, void> } | { readonly error: unknown } | undefined;
  const pull = (): void => {
    coming = undefined;
    batches
      .next()
      .then(
        (step) => (coming = { step }),
        (error: unknown) => (coming = { error }),
      )
      .finally(ring);
  };
  const look = async (): Promise<void> => {
    isStale = false;
    ({ topicId } = reading);
    await published.allAdded();
    tracker.isOf(topicId, published.losses());
    tracker.update(await pendingRows(published.rows, name, tracker.seen));
  };
  const told = function* (): Generator<LocalBatch, void, void> {
    const { partitions: count } = metadata.lastTold(name) ?? {};
    const pending = tracker.changes({ next, only, count: only === undefined ? count : undefined });
    if (pending.length > 0) yield { pending };
  };
  try {
    pull();
    for (;;) {
      const rung = bell.next();
      const came = coming;
      if (came !== undefined && "error" in came) throw came.error;
      const isOver = came?.step.done === true;
      if (isOver && options.until === undefined) return;
      if (isStale || isOver || topicId !== reading.topicId) await look();
      if (came !== undefined && came.step.done !== true) {
        const { partition, records } = came.step.value;
        const header = headers.get(partition);
        if (header !== undefined) tracker.place(partition, [header]);
        yield { partition, records, ids: tracker.arrive(partition, records) };
        if (header !== undefined) next.set(partition, header.lastOffset + 1n);
        pull();
      }
      if (isOver || options.until === undefined) yield* told();
      if (isOver) return;
      if (came === undefined) await rung;
    }
  } catch (error) {
    // The rows are closed with the client.
    if (!signal.aborted) throw error;
  } finally {
    stopHearing();
    reading.stop();
    await batches.return();
  }
}
