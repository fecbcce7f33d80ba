import type { RecordHeader } from "../../log/record.ts";
import type { PublishRecord } from "./api.ts";
import type { Codec } from "./received-record.ts";

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
export function encodeRecord<V, K>(
  { key, value, headers, timestamp }: PublishRecord<V, K>,
  codec: Codec<V, K>,
): EncodedRecord {
  return {
    key:
      key === undefined || key === null ? null : copyOf(codec.key.encode(key), "what `key` was encoded to"),
    value: value === null ? null : copyOf(codec.value.encode(value), "what `value` was encoded to"),
    headers: (headers ?? []).map(encodeHeader),
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
