/**
 * What was done and seen from outside, for the checker: the workload's clients write it as it happens, and the end of the
 * run adds what everybody holds. Times are the world's true milliseconds.
 */

/** What was promised with an acknowledgement: `all` survives power loss, `1` a crash of the process. */
export type AcksLevel = "1" | "all";

/** A partition of one topic: a topic that is made again is another one. */
export interface PartitionName {
  readonly topicId: string;
  readonly partition: number;
}

/** A partition by its topic's name, as groups divide them among their members. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

interface At {
  readonly atMs: number;
}

/** An app, or a Kafka client, hands a record over. `id` is unique in the run and is the start of the record's value. */
export interface Publish extends At {
  readonly kind: "publish";
  readonly id: string;
  /** Whoever keeps order and sends nothing twice: one outbox (all tabs of a device and account), one Kafka producer. */
  readonly producer: string;
  /** Rises with each record of this producer, in the order of publishing. */
  readonly number: number;
  /**
   * One life of one tab, where several publish into one outbox: their order among each other is only owed from `queued` on.
   * Left out: everything of this producer is published in one place.
   */
  readonly tab?: string;
  readonly principal: string;
  readonly topic: string;
  readonly key: string | null;
  /** It deletes its key: in a compacted log it goes, too, after a while. Left out: it does not. */
  readonly isTombstone?: boolean;
  /** The topic that is meant, when whoever publishes knows one of that name; another one of the name must not get it. */
  readonly topicId?: string;
  /** False: a producer that sends again without a producer id; its records may stand in the log twice. */
  readonly idempotent: boolean;
}

/** The device says that it is safe on it: it may not vanish from there without a trace. */
export interface Queued extends At {
  readonly kind: "queued";
  readonly id: string;
}

/**
 * The log says that it has it: the answer of a Produce, or `delivered` of the SDK. With level `1` it answers the latest
 * `sent` before it: an answer on a connection that was given up is not heard. Offset -1n: it is there, but not known where.
 */
export interface Acknowledged extends At, PartitionName {
  readonly kind: "acknowledged";
  readonly id: string;
  readonly offset: bigint;
  readonly level: AcksLevel;
}

/** It will never be known here: a time-out, a lost connection, the client died. The record may be in the log, or come later. */
export interface Unknown extends At {
  readonly kind: "unknown";
  readonly id: string;
}

/** The log, or the device, has said no for good: the record is not in the log. */
export interface Refused extends At {
  readonly kind: "refused";
  readonly id: string;
  readonly reason: string;
}

/** The app has been asked, and has said that the record may go, or that it is to be sent once more (it may be there twice then). */
export interface Decided extends At {
  readonly kind: "decided";
  readonly id: string;
  readonly word: "discard" | "retry";
}

/** A Produce request has left for a gateway under this principal with this record in it. */
export interface Sent extends At {
  readonly kind: "sent";
  readonly id: string;
  readonly principal: string;
}

/**
 * A reader begins, at `from`: the first offset that it wants. undefined: wherever the log's end is, told by its first range;
 * or, with `earliest`, wherever its start is.
 */
export interface ReadFrom extends At, PartitionName {
  readonly kind: "read from";
  /** One life of one reader: a new one has another name. */
  readonly reader: string;
  readonly from: bigint | undefined;
  readonly earliest?: boolean;
  /** When it began to ask the log. Left out: it reads what a device holds, which may be gone from the log. */
  readonly askedMs?: number;
  /** The group that it reads for, at what that has committed, or at the start of the log. */
  readonly groupId?: string;
}

/** A reader got one record. */
export interface Read extends At, PartitionName {
  readonly kind: "read";
  readonly reader: string;
  readonly offset: bigint;
  readonly id: string;
}

/** A reader was told that [from, to) is gone. */
export interface Gap extends At, PartitionName {
  readonly kind: "gap";
  readonly reader: string;
  readonly from: bigint;
  readonly to: bigint;
}

/** A gateway died: its process alone, or the machine with what its disk had not synced. */
export interface GatewayDied extends At {
  readonly kind: "gateway died";
  readonly how: "killed" | "power loss";
}

/**
 * A file is read without what a failed sync was to make durable: as after a power loss, what was written and not synced is
 * gone.
 */
export interface WritesLost extends At {
  readonly kind: "writes lost";
}

/** The browser has thrown away what a device held; `outbox` tells whether records that were queued went with it. */
export interface DeviceWiped extends At {
  readonly kind: "device wiped";
  readonly producer: string;
  readonly outbox: boolean;
}

/**
 * The topic with this id is, or is no more. `deletion asked` is noted before the request leaves: it may be gone from then
 * on, though the answer never comes; `deleted` when it is known to be gone.
 */
export interface TopicChange extends At {
  readonly kind: "topic created" | "topic deletion asked" | "topic deleted";
  readonly topic: string;
  readonly topicId: string;
}

/**
 * Somebody asked for the topic to have `count` partitions from now on: then keys move. Noted before the request leaves: it
 * may happen from then on.
 */
export interface PartitionsAsked extends At {
  readonly kind: "partitions asked";
  readonly topicId: string;
  readonly count: number;
}

/** Somebody asked for everything below `to` to go. Noted before the request leaves: it may happen from then on. */
export interface Retention extends At, PartitionName {
  readonly kind: "retention";
  readonly to: bigint;
}

/** Somebody was told that everything below `to` is gone: it stays gone. */
export interface RetentionDone extends At, PartitionName {
  readonly kind: "retention done";
  readonly to: bigint;
}

/** The log begins at `to`, and not before, whoever wanted that. Noted by somebody who looks into the gateway. */
export interface LogStart extends At, PartitionName {
  readonly kind: "log start";
  readonly to: bigint;
  /** What it holds then; undefined: it had come so far when the gateway was started, and may go back once more. */
  readonly leftBytes: number | undefined;
}

/** Who acts for a group: a member of one of its generations. */
export interface GroupMember {
  readonly groupId: string;
  readonly generation: number;
  readonly memberId: string;
  /** null: it is dynamic. */
  readonly instanceId: string | null;
}

/** A member was told which partitions it reads in this generation. */
export interface Assigned extends At, GroupMember {
  readonly kind: "assigned";
  readonly partitions: readonly TopicPartition[];
  /** When it asked. */
  readonly askedMs: number;
}

/**
 * What a member of a group of the new protocol (KIP-848) has from now on, noted when it takes it, before it says that it has
 * given something up, and with each of its heartbeats.
 */
export interface Owned extends At {
  readonly kind: "owned";
  readonly groupId: string;
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly partitions: readonly PartitionName[];
  /** Until then nobody takes it away: it was heard of so much before. */
  readonly untilMs: number;
}

/** A member commits what it has read. Noted before the request leaves: it may happen from then on. */
export interface CommitAsked extends At, GroupMember, PartitionName {
  readonly kind: "commit asked";
  /** Unique in the run. */
  readonly commit: string;
  readonly offset: bigint;
}

/** `refused`: it was not taken, and will not be. Neither of the two: it will never be known. */
export interface CommitAnswered extends At {
  readonly kind: "commit taken" | "commit refused";
  readonly commit: string;
}

/** Somebody asks what a group has committed. */
export interface CommittedAsked extends At {
  readonly kind: "committed asked";
  /** Unique in the run. */
  readonly ask: string;
}

/** And is told. */
export interface CommittedTold extends At, PartitionName {
  readonly kind: "committed told";
  readonly ask: string;
  readonly groupId: string;
  /** undefined: nothing. */
  readonly offset: bigint | undefined;
  /** Where the log ended then, or later; undefined: nobody could tell. */
  readonly end: bigint | undefined;
}

export type HistoryEvent =
  | Publish
  | Queued
  | Acknowledged
  | Unknown
  | Refused
  | Decided
  | Sent
  | ReadFrom
  | Read
  | Gap
  | GatewayDied
  | WritesLost
  | DeviceWiped
  | TopicChange
  | PartitionsAsked
  | Retention
  | RetentionDone
  | LogStart
  | Assigned
  | Owned
  | CommitAsked
  | CommitAnswered
  | CommittedAsked
  | CommittedTold;

/** One record as it stands in a log. */
export interface StoredRecord {
  readonly offset: bigint;
  readonly id: string;
  readonly leaderEpoch: number;
  /** -1: not idempotent. */
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly sequence: number;
}

/** A partition as the gateway has it at the end, read whole. */
export interface FinalPartition extends PartitionName {
  readonly topic: string;
  readonly logStartOffset: bigint;
  readonly highWatermark: bigint;
  /** Of all its batches, and less than what its `retention.bytes` leave of them. Left out: they leave everything. */
  readonly size?: { readonly bytes: number; readonly beforeBytes: number };
  readonly records: readonly StoredRecord[];
}

/** What a tab's replica holds at the end, read through the SDK. */
export interface FinalReplica extends PartitionName {
  readonly holder: string;
  readonly from: bigint;
  readonly to: bigint;
  readonly records: readonly StoredRecord[];
  /** The replica's own word: `live` should be at the log's end. */
  readonly state: string;
}

/** A record in a device's outbox at the end. */
export interface FinalOutboxRecord {
  readonly producer: string;
  readonly id: string;
  readonly state: "waiting" | "sending" | "held" | "in doubt" | "refused";
  readonly reason: string | undefined;
}

/** A reader that was still reading at the end, and the offset it wants next. */
export interface FinalReader extends PartitionName {
  readonly reader: string;
  readonly next: bigint;
}

/** A group at the end: who is in it, and what each of them reads. */
export interface FinalGroup {
  readonly groupId: string;
  /** Names of those that it reads. */
  readonly topics: readonly string[];
  readonly members: readonly {
    readonly memberId: string;
    readonly generation: number;
    readonly partitions: readonly TopicPartition[];
  }[];
}

export interface History {
  /** In the order in which they happened. */
  readonly events: readonly HistoryEvent[];
  readonly partitions: readonly FinalPartition[];
  readonly replicas: readonly FinalReplica[];
  readonly outboxes: readonly FinalOutboxRecord[];
  readonly readers: readonly FinalReader[];
  readonly groups: readonly FinalGroup[];
}
