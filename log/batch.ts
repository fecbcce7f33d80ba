/** Reads and stamps the header of a RecordBatch v2 in place. `at` is where the batch starts in `bytes`. */
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_LENGTH_AT,
  BATCH_OVERHEAD_BYTES,
  CODEC_MASK,
  CRC_AT,
  DELETE_HORIZON_BIT,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  MAX_TIMESTAMP_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORDS_COUNT_AT,
} from "../engine-as/format.ts";

export class BatchHeader {
  private readonly view: DataView;

  constructor(bytes: Uint8Array, at = 0) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.byteLength - at);
  }

  /** Size of the whole batch in bytes. */
  get bytes(): number {
    return this.view.getInt32(BATCH_LENGTH_AT) + BATCH_OVERHEAD_BYTES;
  }
  get baseOffset(): bigint {
    return this.view.getBigInt64(BASE_OFFSET_AT);
  }
  get lastOffsetDelta(): number {
    return this.view.getInt32(LAST_OFFSET_DELTA_AT);
  }
  get lastOffset(): bigint {
    return this.baseOffset + BigInt(this.lastOffsetDelta);
  }
  get leaderEpoch(): number {
    return this.view.getInt32(LEADER_EPOCH_AT);
  }
  get crc(): number {
    return this.view.getUint32(CRC_AT);
  }
  get attributes(): number {
    return this.view.getInt16(ATTRIBUTES_AT);
  }
  get codec(): number {
    return this.attributes & CODEC_MASK;
  }
  get baseTimestamp(): bigint {
    return this.view.getBigInt64(BASE_TIMESTAMP_AT);
  }
  /** KIP-534: when tombstones or the transaction marker may go, in milliseconds since the epoch; undefined: not known yet. */
  get deleteHorizonMs(): bigint | undefined {
    return (this.attributes & DELETE_HORIZON_BIT) === 0 ? undefined : this.baseTimestamp;
  }
  /** Of a batch that compaction has left empty: as it was with its records, which its producer is remembered by. */
  get maxTimestamp(): bigint {
    return this.view.getBigInt64(MAX_TIMESTAMP_AT);
  }
  /** What a look-up by time finds here: the greatest timestamp of the records that are in it; -1n: there are none, or none has one. */
  get recordsMaxTimestamp(): bigint {
    return this.recordsCount > 0 ? this.maxTimestamp : -1n;
  }
  get producerId(): bigint {
    return this.view.getBigInt64(PRODUCER_ID_AT);
  }
  get producerEpoch(): number {
    return this.view.getInt16(PRODUCER_EPOCH_AT);
  }
  get baseSequence(): number {
    return this.view.getInt32(BASE_SEQUENCE_AT);
  }
  get recordsCount(): number {
    return this.view.getInt32(RECORDS_COUNT_AT);
  }

  /** The two fields that a leader sets in every batch; both lie outside its CRC. */
  stamp(baseOffset: bigint, leaderEpoch: number): void {
    this.view.setBigInt64(BASE_OFFSET_AT, baseOffset);
    this.view.setInt32(LEADER_EPOCH_AT, leaderEpoch);
  }
}
