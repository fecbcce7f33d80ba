/**
 * What one partition has, in order and without a hole, from a position of the reader's own: in bulk over HTTP when far
 * behind, then pushed. Survives lost connections. A reader that is slow is not buffered for: the feed unsubscribes, and
 * asks again from the reader's position once it has caught up with what is here.
 */
import { errorText } from "./error-text.ts";
import { offsetForLeaderEpoch } from "../wire/apis/offset-for-leader-epoch.ts";
import { subscribe } from "../wire/apis/subscribe.ts";
import { unsubscribe } from "../wire/apis/unsubscribe.ts";
import { ErrorCode, errorName, KafkaError } from "../wire/errors.ts";
import { fullJitterMs, RETRY_BACK_OFF } from "./back-off.ts";
import type { Connection, PushListener } from "./connection.ts";
import { HistoryError } from "./history.ts";
import type { BulkHistory } from "./history.ts";
import { EARLIEST, epochEnd, LATEST, logOffset } from "./log-offsets.ts";
import { PushInbox } from "./push-inbox.ts";
import type { DataRange, GapRange } from "./joined-range.ts";
import type { LiveConnection } from "./live-connection.ts";
import { onAbort, sleep } from "./wait.ts";

export interface FeedPosition {
  /** The next offset wanted, LATEST or EARLIEST. */
  readonly offset: bigint;
  /** Leader epoch of the last batch held before it; -1 when there is none, or nobody cares. */
  readonly lastEpoch: number;
}

export type FeedEvent =
  | DataRange
  | GapRange
  /**
   * The reader's history is not the leader's: both agree at most up to `endOffset`, the end of `epoch` (-1: the reader knows none,
   * and the log ends there). Cut back before going on.
   */
  | { readonly kind: "diverged"; readonly epoch: number; readonly endOffset: bigint }
  /** Subscribed: pushes come from `offset` on. */
  | {
      readonly kind: "start";
      readonly offset: bigint;
      readonly highWatermark: bigint;
      readonly logStartOffset: bigint;
    };

export type FeedState = "waiting" | "history" | "live";

export interface FeedOptions {
  upstream: LiveConnection;
  topic: string;
  topicId: string;
  partition: number;
  /** Done on each connection before anything is asked for; what it rejects with counts as the feed's. */
  prepare?: ((connection: Connection) => Promise<void>) | undefined;
  /** Asked anew at each start: the reader owns its position. */
  position: () => FeedPosition;
  /** Whether the topic id is still the topic's; asked when the gateway says it does not know it. */
  isThere: () => Promise<boolean>;
  history?: BulkHistory | undefined;
  /** How far behind, in offsets, makes history worth its request. */
  historyRecordsMin?: number;
  bufferBytesMax?: number;
  onState?: (state: FeedState, reason: string | undefined) => void;
  signal: AbortSignal;
}

const HISTORY_RECORDS_MIN = 1000;
const BUFFER_BYTES_MAX = 4 * 1024 * 1024;

/** Codes that say that the topic is not there, or is another one now. */
const GONE: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.INCONSISTENT_TOPIC_ID,
]);

/**
 * Ends without an error when the signal aborts or the upstream is closed. Throws KafkaError: UNKNOWN_TOPIC_ID when the
 * topic is gone, or what the gateway refuses for good.
 */
export async function* feed(options: FeedOptions): AsyncGenerator<FeedEvent, void, void> {
  const { upstream, signal } = options;
  let failures = 0;
  let historyUsable = true;
  for (;;) {
    options.onState?.("waiting", undefined);
    const connection = await liveOrDone(upstream, signal);
    if (connection === undefined) return;
    let failure: unknown;
    try {
      await options.prepare?.(connection);
      const from = historyUsable ? await planHistory(options, connection) : undefined;
      historyUsable = true;
      const events =
        from === undefined || options.history === undefined
          ? pushed(options, connection)
          : options.history({ ...options, token: upstream.token }, from);
      for await (const event of events) {
        if (event.kind === "data" || event.kind === "gap") failures = 0;
        yield event;
      }
    } catch (error) {
      if (error instanceof HistoryError) historyUsable = false;
      failure = error;
    }
    if (signal.aborted) return;
    if (failure === undefined) continue;
    await throwIfOver(failure, options);
    options.onState?.("waiting", errorText(failure));
    if (historyUsable)
      await sleep(upstream.clock, fullJitterMs(failures++, upstream.random, RETRY_BACK_OFF), signal);
  }
}

async function liveOrDone(upstream: LiveConnection, signal: AbortSignal): Promise<Connection | undefined> {
  try {
    return await upstream.live(signal);
  } catch {
    return undefined;
  }
}

/** Rethrows what trying again cannot mend. */
async function throwIfOver(failure: unknown, options: FeedOptions): Promise<void> {
  if (failure instanceof HistoryError) return;
  if (!(failure instanceof KafkaError)) throw failure;
  if (GONE.has(failure.code)) {
    if (await isStillThere(options)) return;
    throw topicIsGone(options.topic, options.topicId, failure);
  }
  // OFFSET_OUT_OF_RANGE: the gateway has less than we do; its epochs will tell where to cut back, once it leads again.
  if (!failure.retriable && failure.code !== ErrorCode.OFFSET_OUT_OF_RANGE) throw failure;
}

export function topicIsGone(topic: string, topicId: string, cause?: unknown): KafkaError {
  return new KafkaError(
    ErrorCode.UNKNOWN_TOPIC_ID,
    `topic ${topic} (${topicId}) was deleted, or made again under another id; subscribe anew to read the new one`,
    { cause },
  );
}

/** Whether it is, as far as it can be told now: without a connection it is not known to be gone. */
async function isStillThere({ isThere }: FeedOptions): Promise<boolean> {
  try {
    return await isThere();
  } catch (error) {
    if (error instanceof KafkaError && error.retriable) return true;
    throw error;
  }
}

/** From where history should be read in bulk first; undefined when pushes do. */
async function planHistory(options: FeedOptions, connection: Connection): Promise<bigint | undefined> {
  const position = options.position();
  if (options.history === undefined || position.offset === LATEST) return undefined;
  const end = await logOffset(connection, options.topic, options.partition, LATEST);
  const from =
    position.offset === EARLIEST
      ? await logOffset(connection, options.topic, options.partition, EARLIEST)
      : position.offset;
  if (end - from < BigInt(options.historyRecordsMin ?? HISTORY_RECORDS_MIN)) return undefined;
  if (position.lastEpoch < 0) return from;
  // Subscribe compares histories by the topic's id, and says where to cut back. What is asked here is asked by the
  // topic's name, which may be another topic's by now: enough to go on by, not to cut by.
  if (connection.version(offsetForLeaderEpoch) === undefined) return undefined;
  const { epoch, endOffset } = await epochEnd(
    connection,
    options.topic,
    options.partition,
    position.lastEpoch,
  );
  return epoch === position.lastEpoch && endOffset >= position.offset ? from : undefined;
}

async function* pushed(options: FeedOptions, connection: Connection): AsyncGenerator<FeedEvent, void, void> {
  const { topicId, partition, signal } = options;
  const inbox = new PushInbox(options.bufferBytesMax ?? BUFFER_BYTES_MAX);
  // As soon as the inbox is full, however long the reader takes: what is pushed for nobody costs both sides.
  const listener: PushListener = {
    push: (frame) => {
      inbox.take(frame);
      if (inbox.isFull) leave();
    },
    moved: (offset) => inbox.moved(offset),
  };
  const stopListening = connection.onPush(topicId, partition, listener);
  let isHere = true;
  const leave = (): void => {
    if (!isHere) return;
    isHere = false;
    stopListening();
    if (connection.isClosed || connection.isListening(topicId, partition)) return;
    connection.request(unsubscribe, { subscriptions: [{ topicId, partition }] }).catch(() => undefined);
  };
  const wake = (): void => inbox.changed.ring();
  const forget = onAbort(signal, wake);
  const stopHearing = connection.onEnd(wake);
  try {
    const { offset, lastEpoch } = options.position();
    inbox.expect(offset);
    const answer = await connection.request(subscribe, {
      subscriptions: [{ topicId, partition, offset, lastEpoch }],
    });
    const mine = answer.subscriptions[0];
    if (mine === undefined)
      throw new KafkaError(
        ErrorCode.UNKNOWN_SERVER_ERROR,
        "Subscribe answered nothing for the partition that was asked",
      );
    if (mine.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE && lastEpoch < 0 && offset >= 0n) {
      // Whoever knows an epoch is told by epochs where to go back to. Who knows none can only go back to the log's end (KIP-320).
      const end = await logOffset(connection, options.topic, partition, LATEST);
      if (end < offset) return yield { kind: "diverged", epoch: -1, endOffset: end };
    }
    if (mine.errorCode !== ErrorCode.NONE) {
      throw new KafkaError(
        mine.errorCode,
        mine.errorMessage ?? `Subscribe to ${options.topic}-${partition}: ${errorName(mine.errorCode)}`,
      );
    }
    if (mine.divergingEpoch >= 0 || mine.divergingEndOffset >= 0n) {
      return yield { kind: "diverged", epoch: mine.divergingEpoch, endOffset: mine.divergingEndOffset };
    }
    let expected = offset < 0n ? mine.offset : offset;
    inbox.begin(expected);
    connection.subscriptionMoved(topicId, partition, expected, listener);
    options.onState?.("live", undefined);
    yield {
      kind: "start",
      offset: expected,
      highWatermark: mine.highWatermark,
      logStartOffset: mine.logStartOffset,
    };
    for (;;) {
      const change = inbox.changed.next();
      const range = inbox.next(expected);
      if (range !== undefined) {
        expected = range.to;
        yield range;
      } else if (inbox.isFull || inbox.isLeftBehind || connection.isClosed || signal.aborted) return;
      else await change;
    }
  } finally {
    forget();
    stopHearing();
    leave();
  }
}
