/** Where the tail reads from: the replica on this device, or the gateway; and from which offset of each partition. */
import type { ReceivedRecord, Replica, Rivulet, TopicSummary } from "../index.ts";
import type { TailRow } from "./tail-buffer.ts";

/** Where a person wants the tail to begin. */
export type TailStart =
  | { readonly at: "newest" }
  | { readonly at: "beginning" }
  | { readonly at: "offset"; readonly offset: bigint }
  | { readonly at: "time"; readonly timestampMs: number };

/** Where one partition is read from, and what was its end when the tail was opened. */
export interface StartPosition {
  readonly partition: number;
  readonly offset: bigint;
  readonly end: bigint;
}

/** How many records the newest end of a topic shows at first, all partitions together. */
const NEWEST_RECORDS = 500n;
/** How many are looked through when only some are wanted. */
const SEARCHED_RECORDS = 5_000n;

/** A part of a partition that can be read: [from, to). */
export interface ReadableRange {
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
}

/** What the replica holds; without one what the gateway has, as last known. */
export function readableRanges(
  topic: TopicSummary,
  replica: Replica<Uint8Array> | undefined,
): readonly ReadableRange[] {
  if (replica !== undefined) return replica.partitions;
  return topic.partitions.map(({ partition, logStartOffset, highWatermark }) => ({
    partition,
    from: logStartOffset,
    to: highWatermark,
  }));
}

/** One position for each partition. */
export function startPositions(
  ranges: readonly ReadableRange[],
  start: TailStart,
  isSearch = false,
): StartPosition[] {
  const share = (isSearch ? SEARCHED_RECORDS : NEWEST_RECORDS) / BigInt(Math.max(1, ranges.length)) + 1n;
  return ranges.map(({ partition, from, to }) => {
    const wanted = {
      newest: to - share,
      beginning: from,
      offset: start.at === "offset" ? start.offset : from,
      // Where that is in each partition, the log knows.
      time: from,
    };
    return { partition, offset: clamp(wanted[start.at], from, to), end: to };
  });
}

/** Streams of records from these positions on, going on live until the signal aborts. */
export function openStreams(
  rivulet: Rivulet,
  {
    topic,
    replica,
    start,
    positions,
    signal,
  }: {
    topic: string;
    start: TailStart;
    replica: Replica<Uint8Array> | undefined;
    positions: readonly StartPosition[];
    signal: AbortSignal;
  },
): AsyncIterable<ReceivedRecord<Uint8Array>>[] {
  if (replica === undefined) {
    const from = start.at === "time" ? { timestamp: start.timestampMs } : positions;
    return [rivulet.topic(topic).subscribe({ from, signal })];
  }
  return positions.map(({ partition, offset }) => replica.follow({ partition, from: offset, signal }));
}

/** A record as a row with bytes of its own. */
export function toRow({
  partition,
  offset,
  timestamp,
  keyBytes,
  valueBytes,
  headers,
}: ReceivedRecord<Uint8Array>): TailRow {
  return {
    partition,
    offset,
    timestamp,
    key: own(keyBytes),
    value: own(valueBytes),
    headers: headers.map(({ key, value }) => ({ key, value: own(value) })),
  };
}

function own(bytes: Uint8Array | null): Uint8Array | null {
  return bytes === null || bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
}

function clamp(offset: bigint, from: bigint, to: bigint): bigint {
  if (offset < from) return from;
  return offset > to ? to : offset;
}
