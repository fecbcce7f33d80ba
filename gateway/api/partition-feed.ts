import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { cut, pushMessage, type Advance, type FollowedLog, type Frame } from "./push-frame.ts";
import type { Subscription } from "./subscriber.ts";

/** Bytes of batches in one Push, about: what a socket that stands still may cost. One batch may be larger. */
export const PUSH_BYTES = 256 * 1024;

/**
 * One partition and those who follow it: collects what the log gains within a tick, and makes frames of it once for all
 * who are live.
 */
export class PartitionFeed {
  readonly log: FollowedLog;
  /** Everyone who follows, in whichever state. */
  readonly all = new Set<Subscription>();
  /** Those who have had everything up to the first of the pending advances that they have not had. */
  readonly live = new Set<Subscription>();
  private pending: Advance[] = [];
  /** Advances of one frame; a new one begins where somebody has joined in between. */
  private joinsAt = 0;
  private readonly reads = new Map<bigint, Promise<Frame>>();
  private readonly stopListening: () => void;

  /** `changed` is called when there is something to flush. */
  constructor(log: FollowedLog, changed: (feed: PartitionFeed) => void) {
    this.log = log;
    const stops = [
      log.onAdvance((advance) => this.gained(advance, changed)),
      log.onFenced(() => changed(this)),
    ];
    this.stopListening = () => {
      for (const stop of stops) stop();
    };
  }

  /** `subscription` has had everything below the high watermark: from here on it gets the tick's frames. */
  join(subscription: Subscription): void {
    this.joinsAt = this.pending.length;
    this.live.add(subscription);
  }

  /** Tells those who have had everything that nothing more will come, when that is so. */
  endLive(): void {
    const { fenced } = this.log;
    if (fenced === undefined) return;
    for (const subscription of this.live) subscription.subscriber.end(subscription, fenced.code);
  }

  /** The frames of everything since the last call. */
  takeFrames(): Frame[] {
    const { pending, log } = this;
    this.pending = [];
    this.joinsAt = 0;
    const frames: Frame[] = [];
    if (this.live.size === 0) return frames;
    for (const advance of pending) {
      for (const { from, to, pieces } of cut(advance, PUSH_BYTES)) {
        frames.push({ from, to, message: pushMessage(log, { from, to, errorCode: ErrorCode.NONE }, pieces) });
      }
    }
    return frames;
  }

  /**
   * The next piece of the log for one who is behind; several who are at the same offset share the read. A range that
   * retention has removed comes as a frame that says so.
   */
  readFrame(offset: bigint): Promise<Frame> {
    const running = this.reads.get(offset);
    if (running !== undefined) return running;
    const read = this.read(offset).finally(() => this.reads.delete(offset));
    this.reads.set(offset, read);
    return read;
  }

  close(): void {
    this.stopListening();
    this.pending = [];
  }

  private gained(advance: Advance, changed: (feed: PartitionFeed) => void): void {
    // Nobody is live: the log is their buffer.
    if (this.live.size === 0) return;
    const last = this.pending.length > this.joinsAt ? this.pending.at(-1) : undefined;
    if (last === undefined) this.pending.push({ ...advance, pieces: [...advance.pieces] });
    else
      this.pending[this.pending.length - 1] = {
        from: last.from,
        to: advance.to,
        pieces: [...last.pieces, ...advance.pieces],
      };
    changed(this);
  }

  private async read(offset: bigint): Promise<Frame> {
    const { log } = this;
    const { logStartOffset } = log;
    if (offset < logStartOffset) {
      const gone = { from: offset, to: logStartOffset, errorCode: ErrorCode.OFFSET_OUT_OF_RANGE };
      return { ...gone, message: pushMessage(log, gone) };
    }
    const { from, to, bytes } = await log.read(offset, PUSH_BYTES);
    if (to <= from) {
      throw new KafkaError(
        ErrorCode.KAFKA_STORAGE_ERROR,
        `${log.topic}-${log.partition} gave nothing at offset ${offset}`,
      );
    }
    return { from, to, message: pushMessage(log, { from, to, errorCode: ErrorCode.NONE }, [bytes]) };
  }
}
