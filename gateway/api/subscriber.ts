import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { failureOf } from "./failure.ts";
import { PUSH_BYTES, type PartitionFeed } from "./partition-feed.ts";
import type { PushHub } from "./push-hub.ts";
import { pushMessage, type FollowedLog, type Frame } from "./push-frame.ts";

/** A socket that pushes go out on. None of these is called after the socket has closed. */
export interface PushSocket {
  /** Sends all that `send` sends with as few system calls as can be. */
  cork(send: () => void): void;
  /** Takes one message, always: what the kernel does not take is buffered. */
  send(message: Uint8Array): void;
  /** Bytes that the kernel has not taken yet; not to be asked inside `cork`. */
  bufferedBytes(): number;
}

/** One partition that a connection follows. */
export interface Subscription {
  readonly subscriber: Subscriber;
  readonly feed: PartitionFeed;
  /** Offset of the first record that has not been sent. */
  next: bigint;
  ended: boolean;
}

/** Bytes sent from the log before other work gets its turn. */
const TURN_BYTES = 4 * PUSH_BYTES;

/**
 * One connection that follows partitions. Each of its subscriptions is live (it gets the tick's frames) or behind. While
 * the socket is backed up, all are behind and nothing is sent: the log is the buffer. When it has drained, pieces of the
 * log are sent, one subscription after the other, and each that reaches the high watermark is live again in that same
 * synchronous step, so that nothing can fall between.
 */
export class Subscriber {
  private readonly hub: PushHub;
  private readonly socket: PushSocket;
  private readonly subscriptions = new Map<string, Subscription>();
  /** Those who are not live, next to be served first. */
  private behind: Subscription[] = [];
  private due: { subscription: Subscription; frames: readonly Frame[] }[] = [];
  private lagging = false;
  private pumping = false;
  private closed = false;

  constructor(hub: PushHub, socket: PushSocket) {
    this.hub = hub;
    this.socket = socket;
  }

  get size(): number {
    return this.subscriptions.size;
  }

  /** Follows `log` from `offset`, instead of what it followed there before. */
  subscribe(log: FollowedLog, offset: bigint): void {
    if (this.closed) return;
    this.unsubscribe(log.topicId, log.partition);
    const feed = this.hub.feedOf(log);
    const subscription: Subscription = { subscriber: this, feed, next: offset, ended: false };
    feed.all.add(subscription);
    this.subscriptions.set(nameOf(log.topicId, log.partition), subscription);
    this.behind.push(subscription);
    this.schedule();
  }

  /** False when it did not follow that partition. */
  unsubscribe(topicId: string, partition: number): boolean {
    const subscription = this.subscriptions.get(nameOf(topicId, partition));
    if (subscription === undefined) return false;
    this.forget(subscription);
    return true;
  }

  /** Ends one subscription, and says why on the wire. */
  end(subscription: Subscription, errorCode: number): void {
    if (subscription.ended) return;
    this.forget(subscription);
    const { next } = subscription;
    this.socket.send(pushMessage(subscription.feed.log, { from: next, to: next, errorCode }));
  }

  /** Notes frames for the send loop that ends the tick. True when these are its first. */
  owe(subscription: Subscription, frames: readonly Frame[]): boolean {
    this.due.push({ subscription, frames });
    return this.due.length === 1;
  }

  /** The tick's send loop, for this socket: stops as soon as something stays buffered. */
  sendDue(): void {
    const { due } = this;
    this.due = [];
    if (this.closed || this.lagging) return;
    let index = 0;
    let frame = 0;
    const burst = (): void => {
      for (let bytes = 0; bytes < PUSH_BYTES && index < due.length;) {
        const { subscription, frames } = due[index] as (typeof due)[number];
        const next = frames[frame++];
        if (next === undefined) {
          // Cannot be: but whoever is not where the frames begin is served from the log, not skipped.
          if (!subscription.ended && subscription.next !== frames.at(-1)?.to) this.fallBehind(subscription);
          index++;
          frame = 0;
        } else if (!subscription.ended && next.from === subscription.next) {
          this.socket.send(next.message);
          subscription.next = next.to;
          bytes += next.message.byteLength;
        }
      }
    };
    while (index < due.length) {
      this.socket.cork(burst);
      if (this.closed) return;
      if (this.socket.bufferedBytes() > 0) return this.lag();
    }
  }

  /** The socket has taken all it was sent. */
  drained(): void {
    if (this.closed || !this.lagging || this.socket.bufferedBytes() > 0) return;
    this.lagging = false;
    this.schedule();
  }

  /** The socket is gone: nothing may touch it any more. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const subscription of this.subscriptions.values()) this.forget(subscription);
    this.behind = [];
    this.due = [];
    this.hub.left(this);
  }

  private forget(subscription: Subscription): void {
    subscription.ended = true;
    const { log } = subscription.feed;
    this.subscriptions.delete(nameOf(log.topicId, log.partition));
    this.hub.unfollow(subscription);
  }

  /** Nobody on this socket is live until it has drained. */
  private lag(): void {
    this.lagging = true;
    for (const subscription of this.subscriptions.values()) this.fallBehind(subscription);
  }

  private fallBehind(subscription: Subscription): void {
    if (!subscription.feed.live.delete(subscription)) return;
    this.behind.push(subscription);
    this.schedule();
  }

  /** Sends what is behind, but never from inside a handler of the socket: from there a partial write would stay stuck. */
  private schedule(): void {
    if (this.pumping || this.lagging || this.closed || this.behind.length === 0) return;
    this.pumping = true;
    this.hub.clock.defer(() => void this.pump());
  }

  private async pump(): Promise<void> {
    let bytes = 0;
    while (!this.closed && !this.lagging) {
      const subscription = this.behind.shift();
      if (subscription === undefined) break;
      if (subscription.ended) continue;
      if (bytes >= TURN_BYTES) {
        this.behind.unshift(subscription);
        bytes = 0;
        await this.hub.nextTurn();
        continue;
      }
      if (this.socket.bufferedBytes() > 0) {
        this.behind.unshift(subscription);
        this.lag();
        break;
      }
      if (subscription.next === subscription.feed.log.highWatermark) {
        this.caughtUp(subscription);
        continue;
      }
      const frame = await this.read(subscription);
      if (frame === undefined || this.closed || subscription.ended) continue;
      if (this.lagging) {
        this.behind.unshift(subscription);
        break;
      }
      this.socket.send(frame.message);
      subscription.next = frame.to;
      bytes += frame.message.byteLength;
      this.behind.push(subscription);
      // Caught up, and the socket has taken it: live before anything else can happen.
      if (this.socket.bufferedBytes() === 0 && frame.to === subscription.feed.log.highWatermark) {
        this.behind.pop();
        this.caughtUp(subscription);
      }
    }
    this.pumping = false;
    // Something may have fallen behind between the last look and here.
    this.schedule();
  }

  /** Live from here on, unless nothing more can come: then that is said. */
  private caughtUp(subscription: Subscription): void {
    const { fenced } = subscription.feed.log;
    if (fenced === undefined) subscription.feed.join(subscription);
    else this.end(subscription, fenced.code);
  }

  /** The next piece; undefined when the subscription had to be ended. */
  private async read(subscription: Subscription): Promise<Frame | undefined> {
    try {
      return await this.hub.limitReads(() => subscription.feed.readFrame(subscription.next));
    } catch (error) {
      // Retention may have moved the start between the look and the read: then the next look tells the gap.
      const gone = error instanceof KafkaError && error.code === ErrorCode.OFFSET_OUT_OF_RANGE;
      if (gone && subscription.next < subscription.feed.log.logStartOffset) {
        this.behind.push(subscription);
        return undefined;
      }
      if (!this.closed) this.end(subscription, failureOf(error, this.hub).errorCode);
      return undefined;
    }
  }
}

function nameOf(topicId: string, partition: number): string {
  return `${topicId}/${partition}`;
}
