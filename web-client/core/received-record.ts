import type { LogRecord, RecordHeader } from "../../log/record.ts";
import type { ReceivedRecord } from "./api.ts";
import { bytes, text } from "./serializer.ts";
import type { Serializer } from "./serializer.ts";

export interface Codec<V, K> {
  readonly key: Serializer<K>;
  readonly value: Serializer<V>;
}

/** As the app's options say: bytes with keys of text when there are none. */
export function codecOf<V, K>(
  options: { readonly key?: Serializer<K> | undefined; readonly value?: Serializer<V> | undefined } = {},
): Codec<V, K> {
  // Without serializers V and K are what the signatures without options say, and so are these.
  return {
    key: options.key ?? (text() as unknown as Serializer<K>),
    value: options.value ?? (bytes() as unknown as Serializer<V>),
  };
}

/** Decodes key and value when they are first asked for: what nobody reads costs nothing, and cannot fail. */
export class LazyRecord<V, K> implements ReceivedRecord<V, K> {
  readonly topic: string;
  readonly partition: number;
  private readonly record: LogRecord;
  private readonly codec: Codec<V, K>;
  private decodedKey: K | null | undefined;
  private decodedValue: V | null | undefined;

  constructor(topic: string, partition: number, record: LogRecord, codec: Codec<V, K>) {
    this.topic = topic;
    this.partition = partition;
    this.record = record;
    this.codec = codec;
  }

  get offset(): bigint {
    return this.record.offset;
  }

  get timestamp(): number {
    return this.record.timestamp;
  }

  get keyBytes(): Uint8Array | null {
    return this.record.key;
  }

  get valueBytes(): Uint8Array | null {
    return this.record.value;
  }

  get headers(): readonly RecordHeader[] {
    return this.record.headers;
  }

  get key(): K | null {
    if (this.decodedKey === undefined) {
      const { key } = this.record;
      this.decodedKey = key === null ? null : this.codec.key.decode(key);
    }
    return this.decodedKey;
  }

  get value(): V | null {
    if (this.decodedValue === undefined) {
      const { value } = this.record;
      this.decodedValue = value === null ? null : this.codec.value.decode(value);
    }
    return this.decodedValue;
  }
}
