/** Reads one partition's records as the gateway has them, without keeping them. */
import type { RecordEngine } from "../log/engine.ts";
import type { LogRecord } from "../log/record.ts";
import { BatchHeader } from "../log/batch.ts";
import { CONTROL_BIT } from "../engine-as/format.ts";
import { errorName, ErrorCode, KafkaError } from "../wire/errors.ts";
import { feed } from "./feed.ts";
import type { FeedOptions } from "./feed.ts";
import { batchesOf } from "./joined-range.ts";

export interface SubscriptionOptions extends Omit<FeedOptions, "position"> {
  engine: RecordEngine;
  /** The first offset wanted, or LATEST or EARLIEST. */
  from: bigint;
  /** Ends before this offset; goes on for ever when left out. Where the log turns out to have less, ends there. */
  until?: bigint | undefined;
  /** What one batch may decompress to. */
  uncompressedBytesMax: number;
  /** [from, to) is gone upstream and was not read. */
  onGap?: (from: bigint, to: bigint) => void;
  /** More has come, and is given next. */
  onData?: (() => void) | undefined;
  /** Is shown each batch before its records are given. */
  onBatch?: ((header: BatchHeader) => void) | undefined;
  /** Everything before `next` was given, or will not be; less than before where the log was cut back. */
  onMove?: ((next: bigint) => void) | undefined;
}

/**
 * The records of one partition from `from` on, in order, each once, one batch at a time; goes back when the log lost what
 * was read of it, and begins at the log's end when `from` is beyond it. Ends at `until`, or when the signal aborts or
 * the upstream closes; throws KafkaError when the topic is gone (UNKNOWN_TOPIC_ID) or a batch cannot be read
 * (CORRUPT_MESSAGE, UNSUPPORTED_COMPRESSION_TYPE).
 */
export async function* subscription(options: SubscriptionOptions): AsyncGenerator<LogRecord[], void, void> {
  let next = options.from;
  let { until } = options;
  let epochs: EpochStart[] = [];
  const position = () => ({ offset: next, lastEpoch: epochs.at(-1)?.epoch ?? -1 });
  for await (const event of feed({ ...options, position })) {
    if (event.kind === "start") {
      next = event.offset;
      if (until !== undefined) until = leastOf(until, event.highWatermark);
    }
    if (event.kind === "gap") {
      options.onGap?.(event.from, event.to);
      next = event.to;
    }
    if (event.kind === "diverged") {
      // The log lost what was read: what stands there now is read, too (KIP-101).
      const ours = epochs.find(({ epoch }) => epoch > event.epoch)?.from ?? next;
      next = leastOf(next, ours, event.endOffset < 0n ? 0n : event.endOffset);
      epochs = epochs.filter(({ from }) => from < next);
    }
    if (event.kind === "data") {
      // Where the log begins within a batch, what stands before that in it is deleted: history has no other start than its range's.
      if (next < event.from) next = event.from;
      options.onData?.();
      for (const { at, bytes, header } of batchesOf(event.records)) {
        const batch = event.records.subarray(at, at + bytes);
        const records = recordsFrom(options.engine, batch, next, options.uncompressedBytesMax);
        next = header.lastOffset + 1n;
        if (header.leaderEpoch > (epochs.at(-1)?.epoch ?? -1)) {
          epochs = [...epochs, { epoch: header.leaderEpoch, from: header.baseOffset }].slice(-EPOCHS_MAX);
        }
        const wanted = until === undefined ? records : before(until, records);
        if (wanted.length === 0) continue;
        options.onBatch?.(header);
        yield wanted;
      }
      next = event.to;
    }
    options.onMove?.(next);
    if (until !== undefined && next >= until) return;
  }
}

function before(until: bigint, records: readonly LogRecord[]): LogRecord[] {
  return records.filter(({ offset }) => offset < until);
}

/** Where a leader epoch begins, as far as it was read. */
interface EpochStart {
  readonly epoch: number;
  readonly from: bigint;
}

const EPOCHS_MAX = 100;

function leastOf(...offsets: readonly [bigint, ...bigint[]]): bigint {
  return offsets.reduce((least, offset) => (offset < least ? offset : least));
}

/** The records of one batch from `offset` on; none for a control batch. Checks the batch first; throws KafkaError. */
export function recordsFrom(
  engine: RecordEngine,
  batch: Uint8Array,
  offset: bigint,
  uncompressedBytesMax: number,
): LogRecord[] {
  const status = engine.checkBatch(batch, false, uncompressedBytesMax);
  const header = new BatchHeader(batch);
  if (status < 0) {
    throw new KafkaError(
      ErrorCode.CORRUPT_MESSAGE,
      `the batch at offset ${header.baseOffset} is damaged (${errorName(ErrorCode.CORRUPT_MESSAGE)}, engine status ${status})`,
    );
  }
  if ((header.attributes & CONTROL_BIT) !== 0) return [];
  return [...engine.readBatch(batch, uncompressedBytesMax)].filter((record) => record.offset >= offset);
}
