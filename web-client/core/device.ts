/** What this device keeps for one address and one principal. */
import type { TopicCleanup } from "../../sync/topic-cleanup.ts";
import type { OutboxStore } from "../../sync/outbox-store.ts";
import type { ReadableStore } from "./directory-store.ts";
import type { Locks } from "./locks.ts";

/** What is known of a topic, for when the gateway is away. */
export interface KnownTopic {
  readonly clusterId: string;
  readonly name: string;
  readonly id: string;
  readonly partitions: readonly { readonly logStartOffset: bigint; readonly highWatermark: bigint }[];
  /** How it is cleaned up, as far as that was ever asked. */
  readonly cleanup?: TopicCleanup;
}

/** The range of a partition that is held here. */
export interface HeldRange {
  readonly from: bigint;
  readonly to: bigint;
  readonly bytes: number;
}

export interface Device {
  readonly storage: "indexeddb" | "memory";
  /** A sentence for people: why it is memory. */
  readonly storageReason: string | undefined;
  /** Names locks and channels that all tabs with this store share. */
  readonly name: string;
  /** Of all tabs with this store. */
  readonly locks: Locks;
  readonly outbox: OutboxStore;
  /**
   * This tab leads from now on, under a term that it has taken in the outbox: it alone writes replicas. When it resolves, no
   * tab that led before can write any more.
   */
  lead(term: number): Promise<void>;
  /** Calls `listener` when what is written for replicas is refused: under this term, which is a later one, somebody has led. */
  onLaterTerm(listener: (term: number) => void): void;
  /** Calls `listener` when the browser has thrown away the outbox and all that is noted here: all of it begins anew, empty. */
  onEmptied(listener: (reason: string) => void): void;
  /** Another tab leads under this term, or none that is known: this one writes no replicas, and notes what that one may note. */
  follow(term: number | undefined): void;
  /** The cluster that was last behind the address. */
  clusterId(): string | undefined;
  /** Notes the cluster, and reads what is known of its topics. */
  enterCluster(clusterId: string): Promise<void>;
  /** What is known of the present cluster's topics, by name. */
  topics(): ReadonlyMap<string, KnownTopic>;
  /** Notes what was learned of a topic of the present cluster; how it is cleaned up stays when nothing is said of it. */
  learn(topic: KnownTopic): void;
  /** Forgets topics of the present cluster that are no more, except those of which something is held. */
  keepOnly(names: ReadonlySet<string>): void;
  /** How a topic of the present cluster is cleaned up; undefined: it is not known. */
  cleanup(topicId: string): TopicCleanup | undefined;
  noteCleanup(topicId: string, cleanup: TopicCleanup): void;
  held(topicId: string, partition: number): HeldRange | undefined;
  /** What this tab has just come to hold; another visit is told by `noteHeld`. */
  seeHeld(topicId: string, partition: number, range: HeldRange): void;
  /** Also for the next visit; undefined: nothing is held any more. */
  noteHeld(topicId: string, partition: number, range: HeldRange | undefined): void;
  /** Where readers of this name left off in a topic: the next offset, by partition. */
  positions(name: string, topicId: string): Promise<ReadonlyMap<number, bigint>>;
  /** Notes where they are now, in these partitions. */
  notePositions(name: string, topicId: string, positions: ReadonlyMap<number, bigint>): Promise<void>;
  /** Where the partitions of a cluster are kept. */
  replicas(clusterId: string): Promise<ReadableStore>;
  close(): Promise<void>;
}
