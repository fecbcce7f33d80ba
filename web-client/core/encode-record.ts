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

/** A record as bytes of its own: the app may write over what it gave. Throws what the serializers throw. */
export function encodeRecord<V, K>(
  { key, value, headers, timestamp }: PublishRecord<V, K>,
  codec: Codec<V, K>,
): EncodedRecord {
  return {
    key: key === undefined || key === null ? null : codec.key.encode(key).slice(),
    value: value === null ? null : codec.value.encode(value).slice(),
    headers: (headers ?? []).map((header) => ({ key: header.key, value: header.value?.slice() ?? null })),
    ...(timestamp !== undefined && { timestamp }),
  };
}
