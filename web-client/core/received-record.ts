import type { LogRecord, RecordHeader } from "../../log/record.ts";
import type { ReceivedRecord } from "./api.ts";
import type { Serializer } from "./serializer.ts";

export interface Codec<V, K> {
  readonly key: Serializer<K>;
  readonly value: Serializer<V>;
}

/** Decodes key and value when they are first asked for: what nobody reads costs nothing, and cannot fail. */
export class LazyRecord<V, K> implements ReceivedRecord<V, K> {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestamp: number;
  readonly keyBytes: Uint8Array | null;
  readonly valueBytes: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
  private readonly codec: Codec<V, K>;
  private decodedKey: K | null | undefined;
  private decodedValue: V | null | undefined;

  constructor(topic: string, partition: number, record: LogRecord, codec: Codec<V, K>) {
    this.topic = topic;
    this.partition = partition;
    this.offset = record.offset;
    this.timestamp = record.timestamp;
    this.keyBytes = record.key;
    this.valueBytes = record.value;
    this.headers = record.headers;
    this.codec = codec;
  }

  get key(): K | null {
    this.decodedKey ??= this.keyBytes === null ? null : this.codec.key.decode(this.keyBytes);
    return this.decodedKey;
  }

  get value(): V | null {
    this.decodedValue ??= this.valueBytes === null ? null : this.codec.value.decode(this.valueBytes);
    return this.decodedValue;
  }
}
