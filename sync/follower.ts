/** Follows one partition into a replica: every range joins, every batch is checked, diverged histories are cut back. */
import { errorText } from "./error-text.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { feed } from "./feed.ts";
import { EARLIEST } from "./log-offsets.ts";
import type { FeedEvent, FeedOptions } from "./feed.ts";
import type { BulkHistory } from "./history.ts";
import type { Metadata } from "./metadata.ts";
import type { LiveConnection } from "./live-connection.ts";
import { linkedController } from "./wait.ts";

/**
 * `waiting`: for the connection. `history`: taking in bulk. `live`: pushes are appended as they come. `deleted`: the topic
 * is gone upstream, and what is held stays readable. `failed`: see `reason`. `stopped`: by this side.
 */
export type FollowerState = "waiting" | "history" | "live" | "deleted" | "failed" | "stopped";

export interface FollowerOptions {
  upstream: LiveConnection;
  metadata: Metadata;
  log: PartitionLog;
  history?: BulkHistory | undefined;
  historyRecordsMin?: number;
  bufferBytesMax?: number;
  /** Before it follows on a connection: the log may be begun anew, elsewhere. */
  prepare?: FeedOptions["prepare"];
  /** Records are gone from the log because of later ones with their keys. When those are cut off, it has to begin anew. */
  isCompacted?: () => boolean;
  /** [from, to) is gone upstream before it was read; the replica begins anew at `to`. */
  onGap?: (from: bigint, to: bigint) => void;
  /** What was held from here on is not in the upstream's log any more, and is gone here, too. */
  onCut?: (offset: bigint) => void;
  /** State, held range or the upstream's end changed. */
  onChange?: () => void;
}

/** Damage that comes again this many times in a row, with nothing taken in between, is not a passing one. */
const DAMAGES_MAX = 5;

export class Follower {
  readonly log: PartitionLog;
  private readonly options: FollowerOptions;
  private readonly controller = new AbortController();
  /** Resolves when it follows no more: it has failed, the topic is gone, or it was stopped. */
  readonly ended: Promise<void>;
  private currentState: FollowerState = "waiting";
  private currentReason: string | undefined;
  private currentFailure: unknown;
  private upstreamEnd: bigint | undefined;
  private damages = 0;
  /** Of the range that was taken last. */
  private writing: Promise<void> = Promise.resolve();

  constructor(options: FollowerOptions) {
    this.options = options;
    this.log = options.log;
    this.ended = this.run();
  }

  get state(): FollowerState {
    return this.currentState;
  }

  get reason(): string | undefined {
    return this.currentReason;
  }

  /** What it has failed with, while `state` is `failed`. */
  get failure(): unknown {
    return this.currentFailure;
  }

  /** The upstream's high watermark when it was last told; undefined before that. */
  get highWatermark(): bigint | undefined {
    return this.upstreamEnd;
  }

  /** Stops following. Resolves when nothing is being written any more. */
  async stop(): Promise<void> {
    this.controller.abort();
    await this.ended;
  }

  private async run(): Promise<void> {
    try {
      while (!this.controller.signal.aborted && (await this.followOnce()));
      this.setState("stopped", undefined);
    } catch (error) {
      this.currentFailure = error;
      const isGone = error instanceof KafkaError && error.code === ErrorCode.UNKNOWN_TOPIC_ID;
      this.setState(isGone ? "deleted" : "failed", errorText(error));
    }
  }

  /** Follows until the feed ends (false) or must be taken anew (true). Throws what the log could not be written with. */
  private async followOnce(): Promise<boolean> {
    const following = linkedController(this.controller.signal);
    let isAnew = false;
    try {
      for await (const event of feed(this.feedOptions(following))) {
        isAnew = !(await this.take(event, following));
        if (isAnew) break;
        this.options.onChange?.();
      }
    } finally {
      following.abort();
      // Nothing is being written any more when it has ended, however it did.
      await this.writing.catch(() => undefined);
    }
    await this.writing;
    return isAnew;
  }

  private feedOptions({ signal }: AbortController): FeedOptions {
    const { log, options } = this;
    return {
      upstream: options.upstream,
      topic: log.topic,
      topicId: log.topicId,
      partition: log.partition,
      position: () =>
        log.logEndOffset === 0n && log.sizeBytes === 0
          ? { offset: EARLIEST, lastEpoch: -1 }
          : { offset: log.logEndOffset, lastEpoch: log.lastEpoch },
      isThere: async () => {
        options.metadata.invalidate(log.topic);
        return (await options.metadata.topic(log.topic))?.id === log.topicId;
      },
      prepare: options.prepare,
      history: options.history,
      ...(options.historyRecordsMin !== undefined && { historyRecordsMin: options.historyRecordsMin }),
      ...(options.bufferBytesMax !== undefined && { bufferBytesMax: options.bufferBytesMax }),
      onState: (state, reason) => this.setState(state, reason),
      signal,
    };
  }

  /** Answers false when the feed's position is no longer the replica's, and it must be taken anew. */
  private async take(event: FeedEvent, following: AbortController): Promise<boolean> {
    const { log } = this;
    switch (event.kind) {
      case "start":
        this.upstreamEnd = event.highWatermark;
        // A replica that holds nothing begins where the upstream's log does.
        if (event.offset !== log.logEndOffset) await log.resetTo(event.offset);
        return true;
      case "data":
        return this.append(event, following);
      case "gap":
        await log.resetTo(event.to);
        this.options.onGap?.(event.from, event.to);
        return true;
      case "diverged":
        await this.cutBack(event.epoch, event.endOffset);
        return true;
    }
  }

  /** Returns while the range is being written: the next one is fetched and checked meanwhile, and waits for it then. */
  private async append(
    range: Extract<FeedEvent, { kind: "data" }>,
    following: AbortController,
  ): Promise<boolean> {
    const { log } = this;
    // History of an empty replica begins at the upstream's log start.
    if (log.sizeBytes === 0 && range.from > log.logEndOffset) await log.resetTo(range.from);
    try {
      const { written } = await log.takeReplica(range.records, { from: range.from, to: range.to });
      await this.writing;
      this.writing = written;
      written.catch(() => following.abort());
    } catch (error) {
      const isDamage = error instanceof KafkaError && error.code === ErrorCode.CORRUPT_MESSAGE;
      if (!isDamage || ++this.damages >= DAMAGES_MAX) throw error;
      this.setState("waiting", `${error.message}; asking again`);
      return false;
    }
    this.damages = 0;
    if (this.upstreamEnd === undefined || range.highWatermark > this.upstreamEnd)
      this.upstreamEnd = range.highWatermark;
    return true;
  }

  /** KIP-101: back to where the leader's last epoch that both know ends, on whichever side that is earlier. */
  private async cutBack(epoch: number, endOffset: bigint): Promise<void> {
    const { log } = this;
    const ours = log.endOffsetForEpoch(epoch);
    const ends = [endOffset, ...(ours.endOffset >= 0n ? [ours.endOffset] : [])];
    const target = ends.reduce((least, end) => (end < least ? end : least));
    if (this.options.isCompacted?.() === true) await log.resetTo(0n);
    else if (target <= log.logStartOffset || target >= log.logEndOffset)
      await log.resetTo(target < 0n ? 0n : target > log.logEndOffset ? log.logStartOffset : target);
    else await log.truncateTo(target);
    this.options.onCut?.(log.logEndOffset);
  }

  private setState(state: FollowerState, reason: string | undefined): void {
    if (this.currentState === state && this.currentReason === reason) return;
    this.currentState = state;
    this.currentReason = reason;
    this.options.onChange?.();
  }
}
