/** One header of a record. Keys may repeat. */
export interface RecordHeader {
  key: string;
  value: Uint8Array | null;
}

/** A record to be written. */
export interface RecordInput {
  key: Uint8Array | null;
  value: Uint8Array | null;
  /** Milliseconds since the epoch. */
  timestamp: number;
  headers?: readonly RecordHeader[];
}

/** A record as the log holds it. `key` and `value` are views on the decoded batch: copy what is kept. */
export interface LogRecord {
  readonly offset: bigint;
  /** Milliseconds since the epoch; -1 when the producer gave none. */
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}
