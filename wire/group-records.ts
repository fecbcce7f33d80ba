/**
 * The records of `__consumer_offsets` that are written and understood here, as Kafka writes them: groups of both protocols
 * and their offsets (KIP-848 for those of the consumer protocol). A key is its type (int16) and fields that never are
 * flexible; a value is its version (int16) and its fields. A null value takes away what was said under its key.
 */
import { codecFor } from "./codec.ts";
import { ErrorCode, KafkaError } from "./errors.ts";
import { REQUEST_ELEMENTS_MAX } from "./limits.ts";
import { asKafkaError } from "./malformed.ts";
import { Reader } from "./reader.ts";
import { array, bytes, int32, int64, int8, string, struct, uuid } from "./schema.ts";
import type { Decoded, Input, Schema } from "./schema.ts";
import { joinPieces, Writer } from "./writer.ts";

interface RecordType<K, V> {
  /** Of the key; it says which record this is. */
  readonly id: number;
  readonly key: Schema<K>;
  readonly value: Schema<V>;
  /** What is written, and the newest that can be read. */
  readonly version: number;
  readonly maxVersion: number;
  readonly flexibleFrom: number;
}

const group = struct({ groupId: string() });
const member = struct({ groupId: string(), memberId: string() });
const partitions = array(struct({ topicId: uuid(), partitions: array(int32()) }));
/** With the assignment epoch that each came with, from Kafka 4.3 on (KIP-1251). */
const ownedPartitions = array(
  struct({
    topicId: uuid(),
    partitions: array(int32()),
    assignmentEpochs: array(int32(), { tag: 0, nullableFrom: 0, default: null }),
  }),
);
/** Of the consumer protocol: one version, flexible. */
const FIRST = { version: 0, maxVersion: 0, flexibleFrom: 0 };

const TYPES = {
  OffsetCommit: {
    id: 1,
    key: struct({ groupId: string(), topic: string(), partition: int32() }),
    value: struct({
      offset: int64(),
      leaderEpoch: int32({ from: 3, default: -1 }),
      metadata: string(),
      /** Milliseconds since the epoch. */
      commitTimestamp: int64(),
      expireTimestamp: int64({ from: 1, to: 1, default: -1n }),
      topicId: uuid({ from: 4, tag: 0 }),
    }),
    version: 4,
    maxVersion: 4,
    flexibleFrom: 4,
  },
  /** A group of the classic protocol. */
  GroupMetadata: {
    id: 2,
    key: group,
    value: struct({
      protocolType: string(),
      generation: int32(),
      protocol: string({ nullableFrom: 0 }),
      leader: string({ nullableFrom: 0 }),
      currentStateTimestamp: int64({ from: 2, default: -1n }),
      members: array(
        struct({
          memberId: string(),
          groupInstanceId: string({ from: 3, nullableFrom: 3, default: null }),
          clientId: string(),
          clientHost: string(),
          rebalanceTimeout: int32({ from: 1, default: -1 }),
          sessionTimeout: int32(),
          subscription: bytes(),
          assignment: bytes(),
        }),
      ),
    }),
    version: 3,
    maxVersion: 4,
    flexibleFrom: 4,
  },
  ConsumerGroupMetadata: {
    id: 3,
    key: group,
    value: struct({ epoch: int32(), metadataHash: int64({ tag: 0 }) }),
    ...FIRST,
  },
  ConsumerGroupMemberMetadata: {
    id: 5,
    key: member,
    value: struct({
      instanceId: string({ nullableFrom: 0 }),
      rackId: string({ nullableFrom: 0 }),
      clientId: string(),
      clientHost: string(),
      subscribedTopicNames: array(string()),
      subscribedTopicRegex: string({ nullableFrom: 0 }),
      rebalanceTimeoutMs: int32({ default: -1 }),
      serverAssignor: string({ nullableFrom: 0 }),
      classicMemberMetadata: struct(
        {
          sessionTimeoutMs: int32(),
          supportedProtocols: array(struct({ name: string(), metadata: bytes() })),
        },
        { tag: 0, nullableFrom: 0, default: null },
      ),
    }),
    ...FIRST,
  },
  ConsumerGroupTargetAssignmentMetadata: {
    id: 6,
    key: group,
    value: struct({ assignmentEpoch: int32(), assignmentTimestamp: int64({ tag: 0 }) }),
    ...FIRST,
  },
  ConsumerGroupTargetAssignmentMember: {
    id: 7,
    key: member,
    value: struct({ topicPartitions: partitions }),
    ...FIRST,
  },
  ConsumerGroupCurrentMemberAssignment: {
    id: 8,
    key: member,
    value: struct({
      memberEpoch: int32(),
      /** What the member may still say when the answer with its new epoch was lost. */
      previousMemberEpoch: int32(),
      /** 0 stable, 1 it must revoke partitions, 2 others must first, 127 unknown. */
      state: int8(),
      assignedPartitions: ownedPartitions,
      partitionsPendingRevocation: ownedPartitions,
    }),
    ...FIRST,
  },
  ConsumerGroupRegularExpression: {
    id: 16,
    key: struct({ groupId: string(), regularExpression: string() }),
    value: struct({ topics: array(string()), version: int64(), timestamp: int64() }),
    ...FIRST,
  },
} satisfies Record<string, RecordType<unknown, unknown>>;

type TypeName = keyof typeof TYPES;

/** One record as it is read, told apart by `type`. */
export type GroupRecord = {
  [N in TypeName]: {
    type: N;
    key: Decoded<(typeof TYPES)[N]["key"]>;
    value: Decoded<(typeof TYPES)[N]["value"]> | null;
  };
}[TypeName];

/** One record as it may be written: fields that have a default may be left out. */
export type GroupRecordInput = {
  [N in TypeName]: {
    readonly type: N;
    readonly key: Input<Decoded<(typeof TYPES)[N]["key"]>>;
    readonly value: Input<Decoded<(typeof TYPES)[N]["value"]>> | null;
  };
}[TypeName];

export interface EncodedGroupRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

/** Keys of offsets have been of type 0 once; they read the same. */
const OFFSET_KEYS_ONCE = 0;

const byId: ReadonlyMap<number, [TypeName, RecordType<unknown, unknown>]> = new Map([
  ...(Object.entries(TYPES) as [TypeName, RecordType<unknown, unknown>][]).map(
    ([name, type]) => [type.id, [name, type]] as [number, [TypeName, RecordType<unknown, unknown>]],
  ),
  [OFFSET_KEYS_ONCE, ["OffsetCommit", TYPES.OffsetCommit]],
]);

/** Key and value of a record. Throws KafkaError INVALID_REQUEST for values that do not fit their fields. */
export function encodeGroupRecord({ type: name, key, value }: GroupRecordInput): EncodedGroupRecord {
  const type: RecordType<unknown, unknown> = TYPES[name];
  try {
    return {
      key: encoded(type.id, type.key, type.id, false, key),
      value:
        value === null
          ? null
          : encoded(type.version, type.value, type.version, type.version >= type.flexibleFrom, value),
    };
  } catch (error) {
    throw asKafkaError(error, ErrorCode.INVALID_REQUEST, `a ${name} record cannot be written`);
  }
}

/**
 * Reads key and value. Undefined for a key of a type that is not known here, which a later version, or another kind of
 * group, has written. Throws KafkaError: CORRUPT_MESSAGE, or UNSUPPORTED_VERSION for a value that is newer than known.
 */
export function decodeGroupRecord(key: Uint8Array, value: Uint8Array | null): GroupRecord | undefined {
  let what = "a record of __consumer_offsets";
  try {
    const keyReader = new Reader(key, 0, REQUEST_ELEMENTS_MAX);
    const id = keyReader.int16();
    const found = byId.get(id);
    if (found === undefined) return undefined;
    const [name, type] = found;
    what = `a ${name} record`;
    const decodedKey = codecFor(type.key, id, false).decode(keyReader);
    atEnd(keyReader);
    if (value === null) return { type: name, key: decodedKey, value: null } as GroupRecord;
    const reader = new Reader(value, 0, REQUEST_ELEMENTS_MAX);
    const version = reader.int16();
    if (version < 0 || version > type.maxVersion) {
      throw new KafkaError(
        ErrorCode.UNSUPPORTED_VERSION,
        `__consumer_offsets holds ${what} of version ${version}, and ${type.maxVersion} is the newest known here; a newer version has written it`,
      );
    }
    const decodedValue = codecFor(type.value, version, version >= type.flexibleFrom).decode(reader);
    atEnd(reader);
    return { type: name, key: decodedKey, value: decodedValue } as GroupRecord;
  } catch (error) {
    throw asKafkaError(error, ErrorCode.CORRUPT_MESSAGE, `${what} is malformed`);
  }
}

function encoded(
  prefix: number,
  schema: Schema,
  version: number,
  flexible: boolean,
  body: unknown,
): Uint8Array {
  const writer = new Writer();
  writer.int16(prefix);
  codecFor(schema, version, flexible).encode(writer, body);
  return joinPieces(writer.finish());
}

function atEnd(reader: Reader): void {
  if (reader.remaining > 0) reader.fail(`${reader.remaining} bytes follow it`);
}
