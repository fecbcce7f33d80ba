/** One API of the protocol: its key, its versions, and the tables of both directions. */
import type { Schema } from "./schema.ts";

/** Kafka's API keys, as far as they have a table here, and our own from 20000 on. */
export const ApiKey = {
  Produce: 0,
  Fetch: 1,
  ListOffsets: 2,
  Metadata: 3,
  OffsetCommit: 8,
  OffsetFetch: 9,
  FindCoordinator: 10,
  JoinGroup: 11,
  Heartbeat: 12,
  LeaveGroup: 13,
  SyncGroup: 14,
  DescribeGroups: 15,
  ListGroups: 16,
  SaslHandshake: 17,
  ApiVersions: 18,
  CreateTopics: 19,
  DeleteTopics: 20,
  DeleteRecords: 21,
  InitProducerId: 22,
  OffsetForLeaderEpoch: 23,
  DescribeConfigs: 32,
  AlterConfigs: 33,
  DescribeLogDirs: 35,
  SaslAuthenticate: 36,
  CreatePartitions: 37,
  DeleteGroups: 42,
  IncrementalAlterConfigs: 44,
  OffsetDelete: 47,
  DescribeCluster: 60,
  DescribeProducers: 61,
  ConsumerGroupHeartbeat: 68,
  ConsumerGroupDescribe: 69,
  DescribeTopicPartitions: 75,
  Subscribe: 20000,
  Unsubscribe: 20001,
  /** Not a request: what `push.ts` describes. */
  Push: 20002,
} as const;

export interface Api<Req = unknown, Res = unknown> {
  readonly name: string;
  readonly key: number;
  /** Versions that can be spoken: what a client may choose from. */
  readonly minVersion: number;
  readonly maxVersion: number;
  /** Lowest version a server says it has. Lower than `minVersion` where clients read more into it; it can be decoded. */
  readonly advertisedMinVersion: number;
  /** First version with compact lengths and tagged fields (KIP-482). */
  readonly flexibleFrom: number;
  readonly request: Schema<Req>;
  readonly response: Schema<Res>;
}

/** A request's body as it is decoded, by its API: `RequestOf<typeof fetch>`. */
export type RequestOf<A> = A extends Api<infer Req, unknown> ? Req : never;
/** A response's body as it is decoded, by its API. */
export type ResponseOf<A> = A extends Api<unknown, infer Res> ? Res : never;

export interface ApiDefinition<Req, Res> {
  readonly name: string;
  readonly key: number;
  /** First and last, inclusive. */
  readonly versions: readonly [first: number, last: number];
  readonly advertisedFrom?: number;
  readonly flexibleFrom: number;
  readonly request: Schema<Req>;
  readonly response: Schema<Res>;
}

export function defineApi<Req, Res>(definition: ApiDefinition<Req, Res>): Api<Req, Res> {
  const { name, key, versions, flexibleFrom, request, response } = definition;
  const [minVersion, maxVersion] = versions;
  const advertisedMinVersion = definition.advertisedFrom ?? minVersion;
  return { name, key, minVersion, maxVersion, advertisedMinVersion, flexibleFrom, request, response };
}
