/** The shapes of the public API for consumer groups: `rivulet.group`. */
import type { Start, Subscription } from "./api-subscribe.ts";
import type { Serializer } from "./serializer.ts";
import type { TypedEventTarget } from "./typed-events.ts";

/** A consumer group of the protocol of KIP-848, as Kafka's clients have it with `group.protocol=consumer`. */
export interface Group {
  readonly groupId: string;
  /**
   * Joins the group with the first `next()`, and shares the topics' partitions with its other members, here and elsewhere:
   * each partition is read by one of them at a time, from where the group is in it. Key and value are text and bytes where no
   * serializers are given.
   *
   * A record may be read twice, by another member, where a member died or was given up before it had committed (at least
   * once). Throws KafkaError when the group does not take the member: GROUP_AUTHORIZATION_FAILED, GROUP_MAX_SIZE_REACHED,
   * FENCED_INSTANCE_ID, GROUP_ID_NOT_FOUND (the group's members speak the classic protocol), ...
   */
  subscribe<V = Uint8Array, K = string>(
    topics: readonly string[],
    options?: GroupSubscribeOptions<V, K>,
  ): GroupSubscription<V, K>;
}

export interface GroupSubscribeOptions<V, K> {
  value?: Serializer<V>;
  key?: Serializer<K>;
  /**
   * Where to begin in a partition where the group has no offset, or one that is not there (any more, or yet): `earliest` when
   * left out, so that nothing is missed.
   */
  from?: Start;
  /**
   * `auto`, when left out: a record is done when the app asks for the next one, and what is done is committed once a second,
   * before a partition is given up, and at the end. `manual`: only `commit()` does.
   */
  commit?: "auto" | "manual";
  /** Makes it a static member (KIP-345): what it has is kept for it while it is away for less than its session. */
  instanceId?: string;
  /**
   * How long the app may work on one record, in milliseconds; five minutes when left out, as Kafka's `max.poll.interval.ms`.
   * After that others get the partitions, until the app asks for the next record; so it is, too, when a partition is to be
   * given up.
   */
  workMsMax?: number;
  /** Ends the iteration without an error, and leaves the group. */
  signal?: AbortSignal;
  /** Is told what will not come: [from, to) was removed by retention before it was read. */
  onGap?: (gap: {
    readonly topic: string;
    readonly partition: number;
    readonly from: bigint;
    readonly to: bigint;
  }) => void;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** Of `assigned`, `revoked` and `lost`. */
export class PartitionsEvent extends Event {
  readonly partitions: readonly TopicPartition[];
  constructor(type: "assigned" | "revoked" | "lost", partitions: readonly TopicPartition[]) {
    super(type);
    this.partitions = partitions;
  }
}

export interface GroupEvents {
  /** These are read now, too. */
  assigned: PartitionsEvent;
  /** These are not read any more: they were given up, with what was done in them committed. */
  revoked: PartitionsEvent;
  /** These are not read any more, and another member may have them already: nothing was committed in them. */
  lost: PartitionsEvent;
  /** `state` is another one. */
  state: Event;
}

/** `suspended`: the app has worked on a record for longer than `workMsMax`, and is back with the next one it asks for. */
export interface GroupState {
  readonly name: "joining" | "joined" | "suspended" | "left";
  /** Why it does not get in, or is out again. */
  readonly reason: string | undefined;
}

/**
 * The records of those partitions that this member has. A partition is given up between two records: while the app works on
 * one of its records the group waits for it. Ending it (`close()`, a loop that is left, its signal) leaves the group.
 */
export interface GroupSubscription<V, K = string> extends Subscription<V, K>, TypedEventTarget<GroupEvents> {
  readonly memberId: string;
  readonly state: GroupState;
  /** What it has now. */
  readonly partitions: readonly TopicPartition[];
  /**
   * Commits everything up to and with the last record that was handed out; with `record`, all of its partition up to and with
   * that. Resolves when it is durable. Rejects with KafkaError when the partition is another member's by now, and
   * REQUEST_TIMED_OUT when nobody has answered for a minute.
   */
  commit(record?: TopicPartition & { readonly offset: bigint }): Promise<void>;
}
