import type { Clock } from "../../log/clock.ts";
import type { Cluster } from "../../log/cluster.ts";
import type { Logger } from "../../log/logger.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { PartitionFeed } from "./partition-feed.ts";
import type { FollowedLog } from "./push-frame.ts";
import { Subscriber, type PushSocket, type Subscription } from "./subscriber.ts";

/** Pieces of the log that may be in memory at once for those who are behind, 256 KiB each. */
const READS_MAX = 32;

/** What pushing needs to know of topics: that one is gone. */
export type TopicsView = Pick<Cluster, "topicById" | "onTopicsChanged">;

/**
 * Pushes what partitions gain to those who follow them: once per tick, each socket in one corked loop. Who follows what
 * stands in the feeds; in which state a socket is, in its Subscriber.
 */
export class PushHub {
  readonly clock: Clock;
  readonly log: Logger;
  private readonly cluster: TopicsView;
  private readonly feeds = new Map<FollowedLog, PartitionFeed>();
  private readonly subscribers = new Set<Subscriber>();
  /** Feeds that have something to flush. */
  private readonly changed = new Set<PartitionFeed>();
  private flushScheduled = false;
  private reads = 0;
  private readonly readers: (() => void)[] = [];
  private readonly stopListening: () => void;

  constructor({ cluster, clock, log }: { cluster: TopicsView; clock: Clock; log: Logger }) {
    this.cluster = cluster;
    this.clock = clock;
    this.log = log;
    this.stopListening = cluster.onTopicsChanged(() => this.endDeleted());
  }

  /** A new connection. The caller tells it when its socket has drained and when it is gone. */
  subscriber(socket: PushSocket): Subscriber {
    const subscriber = new Subscriber(this, socket);
    this.subscribers.add(subscriber);
    return subscriber;
  }

  left(subscriber: Subscriber): void {
    this.subscribers.delete(subscriber);
  }

  feedOf(log: FollowedLog): PartitionFeed {
    const known = this.feeds.get(log);
    if (known !== undefined) return known;
    const feed = new PartitionFeed(log, (changed) => this.schedule(changed));
    this.feeds.set(log, feed);
    return feed;
  }

  /** A feed that nobody follows any more is closed. */
  unfollow(subscription: Subscription): void {
    const { feed } = subscription;
    feed.live.delete(subscription);
    feed.all.delete(subscription);
    if (feed.all.size > 0) return;
    feed.close();
    this.feeds.delete(feed.log);
    this.changed.delete(feed);
  }

  /** Runs `read` when fewer than READS_MAX are running. */
  async limitReads<T>(read: () => Promise<T>): Promise<T> {
    while (this.reads >= READS_MAX) await new Promise<void>((resolve) => this.readers.push(resolve));
    this.reads++;
    try {
      return await read();
    } finally {
      this.reads--;
      this.readers.shift()?.();
    }
  }

  /** Resolves after the I/O that is due has had its turn. */
  nextTurn(): Promise<void> {
    return new Promise((resolve) => this.clock.defer(resolve));
  }

  close(): void {
    this.stopListening();
    for (const subscriber of this.subscribers) subscriber.close();
  }

  private schedule(feed: PartitionFeed): void {
    this.changed.add(feed);
    if (this.flushScheduled) return;
    this.flushScheduled = true;
    this.clock.defer(() => this.flush());
  }

  /** The end of a tick: frames are made once a partition, and sent in one loop over the sockets. */
  private flush(): void {
    this.flushScheduled = false;
    const dirty: Subscriber[] = [];
    const feeds = [...this.changed];
    this.changed.clear();
    for (const feed of feeds) {
      const frames = feed.takeFrames();
      if (frames.length === 0) continue;
      for (const subscription of feed.live) {
        if (subscription.subscriber.owe(subscription, frames)) dirty.push(subscription.subscriber);
      }
    }
    for (const subscriber of dirty) subscriber.sendDue();
    // Whoever is still live has had all there is.
    for (const feed of feeds) feed.endLive();
  }

  private endDeleted(): void {
    for (const feed of this.feeds.values()) {
      if (this.cluster.topicById(feed.log.topicId) !== undefined) continue;
      for (const subscription of feed.all)
        subscription.subscriber.end(subscription, ErrorCode.UNKNOWN_TOPIC_ID);
    }
  }
}
