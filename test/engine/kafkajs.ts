/** kafkajs's own encoder and decoder of record batches: inner files without types, so typed here as far as they are used. */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

export interface ForeignRecord {
  offsetDelta: number;
  timestampDelta: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, Buffer | Buffer[]>;
}

export interface ForeignBatch {
  compression?: number;
  firstOffset?: unknown;
  firstTimestamp: number;
  maxTimestamp: number;
  partitionLeaderEpoch?: number;
  lastOffsetDelta: number;
  transactional?: boolean;
  producerId?: unknown;
  producerEpoch?: number;
  firstSequence?: number;
}

export interface ForeignDecoded {
  firstOffset: string;
  firstTimestamp: string;
  maxTimestamp: string;
  producerId: string;
  producerEpoch: number;
  firstSequence: number;
  inTransaction: boolean;
  isControlBatch: boolean;
  lastOffsetDelta: number;
  records: {
    offset: string;
    timestamp: string;
    key: Buffer | null;
    value: Buffer | null;
    headers: Record<string, Buffer | (Buffer | null)[] | null>;
  }[];
}

interface Encoded {
  buffer: Buffer;
}

type Codec = () => {
  compress(encoder: Encoded): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
};

const inner = "kafkajs/src/protocol";
const { RecordBatch } = require(`${inner}/recordBatch/v0`) as {
  RecordBatch: (batch: ForeignBatch & { records: unknown[] }) => Promise<Encoded>;
};
const encodeRecord = require(`${inner}/recordBatch/record/v0`) as (record: ForeignRecord) => unknown;
const decodeBatch = require(`${inner}/recordBatch/v0/decoder`) as (
  decoder: unknown,
) => Promise<ForeignDecoded>;
const Decoder = require(`${inner}/decoder`) as new (buffer: Buffer) => unknown;
const Long = require("kafkajs/src/utils/long") as { fromValue(value: string): unknown };
const codecs = (require("kafkajs") as { CompressionCodecs: Record<number, Codec> }).CompressionCodecs;

/** kafkajs leaves LZ4 to others. */
export function useCodec(
  id: number,
  compress: (bytes: Buffer) => Buffer,
  decompress: (bytes: Buffer) => Buffer,
): void {
  codecs[id] = () => ({
    compress: (encoder) => Promise.resolve(compress(encoder.buffer)),
    decompress: (buffer) => Promise.resolve(decompress(buffer)),
  });
}

export function long(value: string): unknown {
  return Long.fromValue(value);
}

export async function encode(batch: ForeignBatch, records: readonly ForeignRecord[]): Promise<Uint8Array> {
  const encoded = await RecordBatch({ ...batch, records: records.map((record) => encodeRecord(record)) });
  return new Uint8Array(encoded.buffer);
}

export function decode(bytes: Uint8Array): Promise<ForeignDecoded> {
  return decodeBatch(new Decoder(Buffer.from(bytes)));
}
