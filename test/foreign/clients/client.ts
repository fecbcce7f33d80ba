/** What a foreign Kafka client can do for a test: write records to a partition and read them back, without a group. */

export type Codec = "none" | "gzip" | "snappy" | "lz4" | "zstd";

/** A record as the test states it. Header values are text: kcat cannot print others. */
export interface ForeignRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** A record as a client has read it. */
export interface ReadRecord extends ForeignRecord {
  readonly offset: bigint;
  readonly timestamp: bigint;
}

export interface Partition {
  /** `host:port` of the gateway's Kafka listener. */
  readonly broker: string;
  readonly topic: string;
  readonly partition: number;
}

export interface ForeignClient {
  readonly name: string;
  /** Writes the records in order, as an idempotent producer with `acks=all`; rejects unless all are acknowledged. */
  produce(to: Partition, records: readonly ForeignRecord[], codec: Codec): Promise<void>;
  /** Reads `count` records from the offset `from` on; rejects when the partition ends before. */
  consume(from: Partition, offset: bigint, count: number): Promise<ReadRecord[]>;
}

/** A record as one text, a character a byte: compared and shown much faster than its buffers. */
export function asText({ key, value, headers }: ForeignRecord): string {
  const text = (bytes: Buffer | null): string => (bytes === null ? "null" : `"${bytes.toString("latin1")}"`);
  return [text(key), text(value), JSON.stringify(headers)].join(" ");
}
