/** `__cluster_metadata-0`: a partition like any other, whose records are folded into an image. */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import type { Clock } from "./clock.ts";
import { brokerConfig, topicConfig } from "./config.ts";
import type { DiskSpace } from "./disk-space.ts";
import type { Engine } from "./engine.ts";
import { METADATA_BATCH_BYTES_MAX } from "./limits.ts";
import type { Logger } from "./logger.ts";
import { MetadataImage } from "./metadata-image.ts";
import type { MetadataCodec, MetadataRecord } from "./metadata-record.ts";
import { PartitionLog } from "./partition-log.ts";
import { BatchHeader } from "./batch.ts";
import type { Store } from "./store.ts";
import type { SyncedEnds } from "./synced-ends.ts";

export const METADATA_TOPIC = "__cluster_metadata";
/** Kafka's reserved id of that topic. */
export const METADATA_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAQ";
const READ_BYTES = 1024 * 1024;
const EPOCH_MAX = 2 ** 31 - 1;

export interface MetadataLogOptions {
  store: Store;
  engine: Engine;
  clock: Clock;
  codec: MetadataCodec;
  log: Logger;
  clean: boolean;
  syncedEnds?: SyncedEnds;
  disk?: DiskSpace;
}

export class MetadataLog {
  readonly image = new MetadataImage();
  private readonly log: PartitionLog;
  private readonly options: MetadataLogOptions;

  private constructor(log: PartitionLog, options: MetadataLogOptions) {
    this.log = log;
    this.options = options;
  }

  static async open(options: MetadataLogOptions): Promise<MetadataLog> {
    const config = topicConfig(
      brokerConfig(new Map()),
      new Map([["max.message.bytes", String(METADATA_BATCH_BYTES_MAX)]]),
    );
    const { store, engine, clock, log: logger, clean, syncedEnds } = options;
    // It asks for room itself, by what its records are about.
    const log = await PartitionLog.open({
      store,
      engine,
      clock,
      log: logger,
      clean,
      topic: METADATA_TOPIC,
      topicId: METADATA_TOPIC_ID,
      partition: 0,
      config,
      uncompressedBytesMax: METADATA_BATCH_BYTES_MAX,
      ledUpTo: EPOCH_MAX,
      ...(syncedEnds === undefined ? {} : { syncedEnds }),
    });
    const metadata = new MetadataLog(log, options);
    await metadata.replay();
    await log.startEpoch(Math.max(0, log.lastEpoch) + (options.clean ? 0 : 1));
    return metadata;
  }

  /**
   * Appends records as one batch; when they are synced, the image has them: all of them, or after a failure none. Throws
   * KafkaError KAFKA_STORAGE_ERROR, also when the disk has no room any more for what they are about.
   */
  async write(records: readonly MetadataRecord[]): Promise<void> {
    const { engine, clock, codec, disk } = this.options;
    disk?.check(records.some(({ type }) => type === "PartitionRecord") ? "topics" : "upkeep");
    const timestamp = clock.now();
    const inputs = records.map((record) => ({ key: null, value: codec.encode(record), timestamp }));
    const sealing = {
      codec: 0,
      producerId: -1n,
      producerEpoch: -1,
      baseSequence: -1,
      bytesMax: METADATA_BATCH_BYTES_MAX,
    };
    await this.log.append(engine.writeBatch(inputs, sealing)).synced;
    for (const record of records) this.image.apply(record);
  }

  /** Why no topic can be made, changed or deleted any more; undefined while it can. */
  get fenced(): KafkaError | undefined {
    return this.log.fenced;
  }

  close(): Promise<void> {
    return this.log.close();
  }

  private async replay(): Promise<void> {
    const { engine, codec } = this.options;
    for (let offset = this.log.logStartOffset; offset < this.log.highWatermark;) {
      const { bytes, to } = await this.log.read(offset, READ_BYTES);
      for (let at = 0; at < bytes.length;) {
        const batch = bytes.subarray(at, at + new BatchHeader(bytes, at).bytes);
        // A clean start believes the log's end without reading what is before it.
        if (engine.checkBatch(batch, false, METADATA_BATCH_BYTES_MAX) < 0) throw damagedAt(batch);
        for (const { value } of engine.readBatch(batch, METADATA_BATCH_BYTES_MAX))
          if (value !== null) this.image.apply(codec.decode(value));
        at += batch.length;
      }
      offset = to;
    }
  }
}

function damagedAt(batch: Uint8Array): KafkaError {
  const { baseOffset } = new BatchHeader(batch);
  return new KafkaError(
    ErrorCode.KAFKA_STORAGE_ERROR,
    `${METADATA_TOPIC}-0 is damaged at offset ${baseOffset}: a batch's CRC does not match. Nothing was changed. ` +
      `Restore its directory from a backup, and start again`,
  );
}
