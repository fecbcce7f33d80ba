/**
 * A partition's history in bulk, over HTTP: closed segments under URLs of their own, which a cache may have, and what lies
 * between and after them as a stream.
 */
import { errorText } from "./error-text.ts";
import { HistoryError } from "./history.ts";
import type { BulkRange, HistorySource } from "./history.ts";
import { historyFrames } from "./history-frames.ts";
import { concatRanges, joinFrame } from "./joined-range.ts";
import type { DataRange, GapRange } from "./joined-range.ts";
import { JOIN_BYTES_MAX } from "./push-inbox.ts";
import { segmentRanges } from "./segment-ranges.ts";
import { linkedController } from "./wait.ts";

export interface BulkOptions extends BulkRange {
  readonly source: HistorySource;
}

type HistoryRange = DataRange | GapRange;

/** What there is from `from` on, up to about the high watermark. Throws HistoryError where none of it can be had. */
export async function* bulkHistory(
  options: BulkOptions,
  from: bigint,
): AsyncGenerator<HistoryRange, void, void> {
  options.onState?.("history", undefined);
  let next = from;
  for await (const range of closedAndBetween(options, from)) {
    next = range.to;
    yield range;
  }
  for await (const range of streamed(options, next)) {
    next = range.to;
    yield range;
  }
  if (next === from)
    throw new HistoryError(`the history of ${options.topic}-${options.partition} came back empty`);
}

/** Closed segments as long as there are some, and what stands before the first of them. Ends early where one cannot be had. */
async function* closedAndBetween(
  options: BulkOptions,
  from: bigint,
): AsyncGenerator<HistoryRange, void, void> {
  const { topicId, partition, signal, token } = options;
  const source = options.source.closed;
  if (source === undefined) return;
  let next = from;
  try {
    for (;;) {
      const { segments, highWatermark } = await source.list({ topicId, partition }, next, signal, token);
      const [first] = segments;
      if (first === undefined) return;
      for await (const range of streamed(options, next, first.from)) {
        next = range.to;
        yield range;
      }
      for (const segment of segments) {
        // Retention or compaction has been at work since they were listed.
        if (segment.from !== next) return;
        const read = { source, partition: { topicId, partition }, segment, highWatermark, signal, token };
        for await (const range of segmentRanges({ ...read, bytesMax: JOIN_BYTES_MAX })) {
          next = range.to;
          yield range;
        }
      }
    }
  } catch (error) {
    // The stream has all that segments have.
    if (signal.aborted || error instanceof HistoryError) throw error;
  }
}

/** The log from `from` on, as a stream; up to `until`, or somewhat further, where that is given. */
async function* streamed(
  options: BulkOptions,
  from: bigint,
  until?: bigint,
): AsyncGenerator<HistoryRange, void, void> {
  const { source, topicId, partition, token } = options;
  if (until !== undefined && from >= until) return;
  const stop = linkedController(options.signal);
  let expected = from;
  const waiting: DataRange[] = [];
  let waitingBytes = 0;
  const take = (): DataRange | undefined => {
    const [first, ...rest] = waiting.splice(0);
    waitingBytes = 0;
    return first && concatRanges(first, rest);
  };
  try {
    const body = source.read(topicId, partition, from, stop.signal, token);
    for await (const frame of historyFrames(readable(body))) {
      const range = joinFrame(frame, expected);
      if (range === undefined) continue;
      expected = range.to;
      if (range.kind === "data" && waitingBytes + range.records.byteLength <= JOIN_BYTES_MAX) {
        waiting.push(range);
        waitingBytes += range.records.byteLength;
      } else {
        const before = take();
        if (before !== undefined) yield before;
        yield range;
      }
      if (until !== undefined && expected >= until) break;
    }
    const last = take();
    if (last !== undefined) yield last;
  } finally {
    stop.abort();
  }
}

async function* readable(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* body;
  } catch (error) {
    throw new HistoryError(`history could not be read: ${errorText(error)}`);
  }
}
