/** What the matrix asks of every client: the same few calls, made with the client's own means. */
import type { Codec, ForeignRecord, ReadRecord } from "../clients/client.ts";
import type { Tool } from "../../tools/require-tool.ts";

export const CODECS: readonly Codec[] = ["none", "gzip", "snappy", "lz4", "zstd"];

/** Something that a client does not have. */
export interface Lack {
  /** For the note under the table. */
  readonly why: string;
  /** Whether that still is so: a newer version of the client may have it. */
  holds(): boolean | Promise<boolean>;
}

/** A program that joins a group, prints `<partition> <offset> ...` for each record it has read, and commits after that. */
export interface Member {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What one line tells; undefined when it tells of no record. */
  parse(line: string): { readonly partition: number; readonly offset: number } | undefined;
}

export interface TopicCalls {
  create(topic: string, partitions: number, config: Readonly<Record<string, string>>): Promise<void>;
  /** Number of its partitions; 0 when there is no such topic. */
  countPartitions(topic: string): Promise<number>;
  delete(topic: string): Promise<void>;
}

export interface ConfigCalls {
  get(topic: string, name: string): Promise<string>;
  set(topic: string, name: string, value: string): Promise<void>;
}

/** A client at work against one gateway. */
export interface Client {
  /** Writes the batches in order as one idempotent producer with `acks=all`; resolves when all are acknowledged. */
  write(topic: string, codec: Codec, batches: readonly (readonly ForeignRecord[])[]): Promise<void>;
  /** Reads `count` records of these topics from their beginning; those of one topic in order. */
  read(topics: readonly string[], count: number): Promise<ReadRecord[]>;
  /** Reads `count` records of partition 0, beginning with the first that is not older than this. */
  readFrom(topic: string, timestampMs: number, count: number): Promise<ReadRecord[]>;
  member(topic: string, group: string): Member;
  readonly topics: TopicCalls | Lack;
  readonly configs: ConfigCalls | Lack;
  /** Deletes what lies before an offset of partition 0; resolves to the new beginning. */
  readonly deleteRecords: ((topic: string, before: number) => Promise<number>) | Lack;
  close(): Promise<void>;
}

/** One row of the matrix. */
export interface ClientKind {
  readonly name: string;
  readonly needs: readonly Tool[];
  /** Codecs that it cannot write or cannot read everything of. */
  readonly lacksCodecs?: Partial<Record<Codec, Lack & { readonly writes: boolean }>>;
  /** What else the table should say of it. */
  readonly note?: () => string;
  /** Installs what is missing; resolves to its version, or "" when the machine has chosen that. */
  install(): Promise<string>;
  connect(broker: string): Client;
}

export function isLack(calls: object): calls is Lack {
  return "why" in calls;
}
