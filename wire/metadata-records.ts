/**
 * The records of `__cluster_metadata` that are written and understood here, as Kafka writes them (KRaft, KIP-631). A
 * record's value is a frame: three unsigned varints (frame version 1, the record type's key, its version) and the body,
 * which is always flexible. Nothing may follow the body.
 */
import { codecFor, isDefault } from "./codec.ts";
import { ErrorCode, KafkaError } from "./errors.ts";
import { REQUEST_ELEMENTS_MAX } from "./limits.ts";
import { asKafkaError } from "./malformed.ts";
import { Reader } from "./reader.ts";
import { array, int16, int32, int64, int8, string, struct, uuid } from "./schema.ts";
import type { Decoded, Fields, Input, Schema } from "./schema.ts";
import { joinPieces, Writer } from "./writer.ts";

const FRAME_VERSION = 1;

interface RecordType<T> {
  readonly key: number;
  readonly maxVersion: number;
  readonly fields: Fields;
  readonly schema: Schema<T>;
}

function recordType<F extends Fields>(key: number, maxVersion: number, fields: F) {
  return { key, maxVersion, fields, schema: struct(fields) };
}

const TYPES = {
  TopicRecord: recordType(2, 0, {
    name: string(),
    topicId: uuid(),
  }),
  PartitionRecord: recordType(3, 2, {
    partitionId: int32({ default: -1 }),
    topicId: uuid(),
    replicas: array(int32()),
    isr: array(int32()),
    removingReplicas: array(int32(), { default: [] }),
    addingReplicas: array(int32(), { default: [] }),
    leader: int32({ default: -1 }),
    leaderRecoveryState: int8({ tag: 0 }),
    leaderEpoch: int32({ default: -1 }),
    partitionEpoch: int32({ default: -1 }),
    directories: array(uuid(), { from: 1 }),
    eligibleLeaderReplicas: array(int32(), { from: 2, nullableFrom: 2, tag: 1, default: null }),
    lastKnownElr: array(int32(), { from: 2, nullableFrom: 2, tag: 2, default: null }),
  }),
  ConfigRecord: recordType(4, 0, {
    /** 2 for a topic, 4 for a broker. */
    resourceType: int8(),
    resourceName: string(),
    name: string(),
    /** null: the setting is taken away. */
    value: string({ nullableFrom: 0 }),
  }),
  /** What changed; null, -2 for the leader and -1 for its recovery state mean that it did not. */
  PartitionChangeRecord: recordType(5, 2, {
    partitionId: int32({ default: -1 }),
    topicId: uuid(),
    isr: array(int32(), { nullableFrom: 0, tag: 0, default: null }),
    leader: int32({ tag: 1, default: -2 }),
    replicas: array(int32(), { nullableFrom: 0, tag: 2, default: null }),
    removingReplicas: array(int32(), { nullableFrom: 0, tag: 3, default: null }),
    addingReplicas: array(int32(), { nullableFrom: 0, tag: 4, default: null }),
    leaderRecoveryState: int8({ tag: 5, default: -1 }),
    directories: array(uuid(), { from: 1, nullableFrom: 1, tag: 8, default: null }),
    eligibleLeaderReplicas: array(int32(), { from: 2, nullableFrom: 2, tag: 6, default: null }),
    lastKnownElr: array(int32(), { from: 2, nullableFrom: 2, tag: 7, default: null }),
  }),
  RemoveTopicRecord: recordType(9, 0, {
    topicId: uuid(),
  }),
  FeatureLevelRecord: recordType(12, 0, {
    name: string(),
    featureLevel: int16(),
  }),
  ProducerIdsRecord: recordType(15, 0, {
    brokerId: int32(),
    brokerEpoch: int64({ default: -1n }),
    /** Where the next block of producer ids begins. */
    nextProducerId: int64(),
  }),
  NoOpRecord: recordType(20, 0, {}),
} satisfies Record<string, RecordType<unknown>>;

type TypeName = keyof typeof TYPES;

/** One record as it is read, told apart by `type`. */
export type MetadataRecord = {
  [N in TypeName]: { type: N } & Decoded<(typeof TYPES)[N]["schema"]>;
}[TypeName];

/** One record as it may be written: fields that have a default may be left out. */
export type MetadataRecordInput = {
  [N in TypeName]: { readonly type: N } & Input<Decoded<(typeof TYPES)[N]["schema"]>>;
}[TypeName];

const byKey: ReadonlyMap<number, [TypeName, RecordType<unknown>]> = new Map(
  (Object.entries(TYPES) as [TypeName, RecordType<unknown>][]).map(([name, type]) => [
    type.key,
    [name, type],
  ]),
);

/**
 * A record's frame, in the lowest version that has every field that is given. Throws KafkaError INVALID_REQUEST for
 * values that do not fit their fields.
 */
export function encodeMetadataRecord(record: MetadataRecordInput): Uint8Array {
  const { type: name, ...body } = record;
  const { key, fields, schema }: RecordType<unknown> = TYPES[name];
  const version = lowestVersion(fields, body);
  const writer = new Writer();
  try {
    writer.unsignedVarint(FRAME_VERSION);
    writer.unsignedVarint(key);
    writer.unsignedVarint(version);
    codecFor(schema, version, true).encode(writer, body);
  } catch (error) {
    throw asKafkaError(error, ErrorCode.INVALID_REQUEST, `a ${name} cannot be written`);
  }
  return joinPieces(writer.finish());
}

/** Reads a frame. Throws KafkaError: CORRUPT_MESSAGE, or UNSUPPORTED_VERSION for what a newer version has written. */
export function decodeMetadataRecord(bytes: Uint8Array): MetadataRecord {
  const reader = new Reader(bytes, 0, REQUEST_ELEMENTS_MAX);
  let what = "a metadata record";
  try {
    const frameVersion = reader.unsignedVarint();
    if (frameVersion !== FRAME_VERSION) throw unsupported(`in a frame of version ${frameVersion}`);
    const key = reader.unsignedVarint();
    const version = reader.unsignedVarint();
    const found = byKey.get(key);
    if (found === undefined) throw unsupported(`of type ${key}`);
    const [name, { schema, maxVersion }] = found;
    if (version > maxVersion) throw unsupported(`that is a ${name} of version ${version}`);
    what = `a ${name} of version ${version}`;
    const body = codecFor(schema, version, true).decode(reader) as object;
    if (reader.remaining > 0) reader.fail(`${reader.remaining} bytes follow it`);
    return { type: name, ...body } as MetadataRecord;
  } catch (error) {
    throw asKafkaError(error, ErrorCode.CORRUPT_MESSAGE, `${what} is malformed`);
  }
}

/** Both directions together, as the log is handed them. */
export const metadataCodec = { encode: encodeMetadataRecord, decode: decodeMetadataRecord };

function lowestVersion(fields: Fields, body: Readonly<Record<string, unknown>>): number {
  let version = 0;
  for (const [name, field] of Object.entries(fields)) {
    if (!isDefault(field, body[name])) version = Math.max(version, field.from);
  }
  return version;
}

function unsupported(what: string): KafkaError {
  return new KafkaError(
    ErrorCode.UNSUPPORTED_VERSION,
    `the metadata log holds a record ${what}, which is not known here; a newer version has written it`,
  );
}
