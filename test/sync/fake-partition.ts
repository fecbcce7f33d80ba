/** One partition of the fake broker: what Kafka's broker checks of an idempotent producer, and nothing more. */
import { BatchHeader } from "../../log/batch.ts";
import type { Engine } from "../../log/engine.ts";
import { ErrorCode } from "../../wire/errors.ts";

interface ProducerBatches {
  epoch: number;
  /** The last five, as Kafka keeps them. */
  last: { baseSequence: number; count: number; baseOffset: bigint }[];
}

export class FakePartition {
  readonly batches: Uint8Array[] = [];
  logStart = 0n;
  end = 0n;
  leaderEpoch = 0;
  private producers = new Map<bigint, ProducerBatches>();
  private readonly engine: Engine;
  /** A broker that does not know a producer refuses sequences other than 0 (as this project's does), or takes them (as Kafka's). */
  readonly strictAboutUnknown: boolean;

  constructor(engine: Engine, strictAboutUnknown: boolean) {
    this.engine = engine;
    this.strictAboutUnknown = strictAboutUnknown;
  }

  /** Producer state has expired, or was lost. */
  forgetProducers(): void {
    this.producers = new Map();
  }

  append(bytes: Uint8Array): { errorCode: number; baseOffset: bigint } {
    const refused = (errorCode: number) => ({ errorCode, baseOffset: -1n });
    if (this.engine.checkBatch(bytes, true, 1 << 26) !== bytes.byteLength)
      return refused(ErrorCode.CORRUPT_MESSAGE);
    const batch = bytes.slice();
    const header = new BatchHeader(batch);
    const { producerId, producerEpoch: epoch, baseSequence, recordsCount: count } = header;
    if (producerId >= 0n) {
      const known = this.producers.get(producerId);
      if (known === undefined) {
        if (baseSequence !== 0 && this.strictAboutUnknown) return refused(ErrorCode.UNKNOWN_PRODUCER_ID);
        this.producers.set(producerId, { epoch, last: [] });
      } else if (epoch < known.epoch) return refused(ErrorCode.INVALID_PRODUCER_EPOCH);
      else if (epoch > known.epoch) {
        if (baseSequence !== 0) return refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
        this.producers.set(producerId, { epoch, last: [] });
      } else {
        const duplicate = known.last.find(
          (each) => each.baseSequence === baseSequence && each.count === count,
        );
        if (duplicate !== undefined) return { errorCode: ErrorCode.NONE, baseOffset: duplicate.baseOffset };
        const last = known.last.at(-1);
        const expected = last === undefined ? baseSequence : (last.baseSequence + last.count) % 2 ** 31;
        if (baseSequence !== expected) return refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
      }
      const state = this.producers.get(producerId);
      if (state !== undefined)
        state.last = [...state.last, { baseSequence, count, baseOffset: this.end }].slice(-5);
    }
    header.stamp(this.end, this.leaderEpoch);
    const baseOffset = this.end;
    this.batches.push(batch);
    this.end += BigInt(count);
    return { errorCode: ErrorCode.NONE, baseOffset };
  }

  get bytes(): number {
    return this.batches.reduce((sum, batch) => sum + batch.byteLength, 0);
  }

  /** The first record that is not older; -1: there is none. */
  offsetAt(timestamp: bigint): bigint {
    return this.records().find((record) => BigInt(record.timestamp) >= timestamp)?.offset ?? -1n;
  }

  /** Compaction: of the records with one key the last stays, and no tombstone. */
  compact(): void {
    const last = new Map(this.records().map(({ key, offset }) => [key, offset]));
    const stays = ({
      key,
      value,
      offset,
    }: {
      key: Uint8Array | null;
      value: unknown;
      offset: bigint;
    }): boolean => value !== null && last.get(key && Buffer.from(key).toString()) === offset;
    const options = { deleteHorizonMs: -1n, uncompressedBytesMax: 1 << 26 };
    for (const [at, batch] of this.batches.entries()) {
      const records = [...this.engine.readBatch(batch, 1 << 26)];
      this.batches[at] = this.engine.rewriteBatch(batch, (index) => stays(records[index] as never), options);
    }
  }

  /** Retention: everything before `offset`, a batch boundary, goes. */
  deleteBefore(offset: bigint): void {
    while (this.batches[0] !== undefined && new BatchHeader(this.batches[0]).lastOffset < offset)
      this.batches.shift();
    this.logStart = offset;
  }

  /** The leader lost its tail, and another led from there with the next epoch. */
  truncate(offset: bigint): void {
    while (
      this.batches.length > 0 &&
      new BatchHeader(this.batches.at(-1) ?? new Uint8Array()).baseOffset >= offset
    )
      this.batches.pop();
    this.end = offset;
    this.leaderEpoch += 1;
  }

  read(offset: bigint, bytesMax: number): { records: Uint8Array; to: bigint } {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    let to = offset;
    for (const batch of this.batches) {
      const header = new BatchHeader(batch);
      if (header.lastOffset < offset) continue;
      if (pieces.length > 0 && bytes + batch.byteLength > bytesMax) break;
      pieces.push(batch);
      bytes += batch.byteLength;
      to = header.lastOffset + 1n;
    }
    return { records: Buffer.concat(pieces), to };
  }

  /** End of the largest epoch that is not above `epoch`, as OffsetForLeaderEpoch answers. */
  endOfEpoch(epoch: number): { epoch: number; endOffset: bigint } {
    if (epoch >= this.leaderEpoch) return { epoch: this.leaderEpoch, endOffset: this.end };
    let found = -1;
    let endOffset = -1n;
    for (const batch of this.batches) {
      const header = new BatchHeader(batch);
      if (header.leaderEpoch <= epoch) {
        found = header.leaderEpoch;
        endOffset = header.lastOffset + 1n;
      }
    }
    return { epoch: found, endOffset };
  }

  /** Keys and values, in order. */
  records(): { offset: bigint; key: string | null; value: string | null; timestamp: number }[] {
    return this.batches.flatMap((batch) =>
      [...this.engine.readBatch(batch, 1 << 26)].map(({ offset, key, value, timestamp }) => ({
        offset,
        key: key && Buffer.from(key).toString(),
        value: value && Buffer.from(value).toString(),
        timestamp,
      })),
    );
  }
}
