import type { RecordHeader } from "../../log/record.ts";
import type { PublishRecord } from "./api.ts";
import type { TextRecord } from "./pack-records.ts";
import type { Codec } from "./received-record.ts";
import { textOf } from "./serializer.ts";
import type { Serializer } from "./serializer.ts";

const NO_HEADERS: readonly RecordHeader[] = [];

export interface EncodedRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
  /** Milliseconds since the epoch; not there when the app gave none. */
  readonly timestamp?: number;
}

/**
 * A record as bytes of its own: the app may write over what it gave. Throws what the serializers throw, and TypeError for what
 * is no record: what is published in one go is stored together, and one that cannot be stored would take the others with it.
 */
export function encodeRecord<V, K>(record: PublishRecord<V, K>, codec: Codec<V, K>): EncodedRecord {
  return encodeWith(record, codec, (serializer, value, what) => copyOf(serializer.encode(value), what));
}

/** As `encodeRecord`, but that texts are left to be encoded with those of other records. */
export function textRecord<V, K>(record: PublishRecord<V, K>, codec: Codec<V, K>): TextRecord {
  return encodeWith<V, K, Uint8Array | string>(
    record,
    codec,
    (serializer, value, what) => textOf(serializer)?.(value) ?? copyOf(serializer.encode(value), what),
  );
}

function encodeWith<V, K, Encoded>(
  { key, value, headers, timestamp }: PublishRecord<V, K>,
  codec: Codec<V, K>,
  encode: <T>(serializer: Serializer<T>, value: T, what: string) => Encoded,
) {
  return {
    key: key === undefined || key === null ? null : encode(codec.key, key, "what `key` was encoded to"),
    value: value === null ? null : encode(codec.value, value, "what `value` was encoded to"),
    headers: headers === undefined || headers.length === 0 ? NO_HEADERS : headers.map(encodeHeader),
    ...(timestamp !== undefined && { timestamp: checkTimestamp(timestamp) }),
  };
}

function encodeHeader(header: RecordHeader): RecordHeader {
  const { key, value } = header as { readonly key: unknown; readonly value?: unknown };
  if (typeof key !== "string") throw new TypeError(`the key of a header is text, not ${String(key)}`);
  return {
    key,
    value: value === null || value === undefined ? null : copyOf(value, `the value of header "${key}"`),
  };
}

/** Not by `slice`, which copies nothing where the bytes are a Buffer of Node's. */
function copyOf(bytes: unknown, what: string): Uint8Array {
  if (bytes instanceof Uint8Array) return new Uint8Array(bytes);
  throw new TypeError(`${what} is no Uint8Array`);
}

function checkTimestamp(timestamp: unknown): number {
  if (typeof timestamp === "number" && Number.isFinite(timestamp)) return timestamp;
  throw new TypeError(`\`timestamp\` is ${String(timestamp)}: give milliseconds since the epoch`);
}
