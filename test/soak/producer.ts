/** One idempotent producer of one partition, at a steady pace; what a crash leaves unanswered is sent again, in order. */
import { deepEqual } from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { initProducerId } from "../../wire/apis/init-producer-id.ts";
import { produce } from "../../wire/apis/produce.ts";
import type { Engine } from "../../log/engine.ts";
import { ProtocolClient } from "../gateway/protocol-client.ts";
import type { Random } from "../sim/kernel/random.ts";
import type { PartitionModel } from "./partition-model.ts";
import { type Place, withClient } from "./place.ts";

/** As many as a producer with a producer id may have in flight. */
const IN_FLIGHT_MAX = 5;
const RECORDS_MAX = 16;
const BATCH_BYTES_MAX = 2 ** 20;
const TIMEOUT_MS = 60_000;
/** none, gzip, snappy, lz4, zstd */
const CODECS = [0, 0, 0, 1, 2, 3, 4];

interface Batch {
  readonly first: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

export interface ProducerOptions {
  readonly engine: Engine;
  readonly model: PartitionModel;
  readonly random: Random;
  readonly recordsPerSecond: number;
}

export class SoakProducer {
  private readonly options: ProducerOptions;
  private producer: { readonly producerId: bigint; readonly producerEpoch: number } | undefined;
  /** Sealed and not acknowledged, in order. */
  private readonly open: Batch[] = [];

  constructor(options: ProducerOptions) {
    this.options = options;
  }

  /** Produces until the gateway is gone, or `isEnough` and all is acknowledged. */
  async run(place: Place, isEnough: () => boolean): Promise<void> {
    const open = (): Promise<ProtocolClient> => ProtocolClient.tcp(place.kafkaPort);
    await withClient(place, open, async (client) => {
      this.producer ??= await client.request(initProducerId, 4, {
        transactionalId: null,
        transactionTimeoutMs: 0,
      });
      await this.produce(client, isEnough);
    });
  }

  private async produce(client: ProtocolClient, isEnough: () => boolean): Promise<void> {
    const { model, recordsPerSecond } = this.options;
    const flying = new Map<Batch, Promise<void>>();
    const [beganMs, before] = [performance.now(), model.next];
    while (!client.isClosed) {
      const again = this.open.find((batch) => !flying.has(batch));
      const dueMs = ((model.next - before) / recordsPerSecond) * 1000 - (performance.now() - beganMs);
      if (again === undefined && isEnough() && flying.size === 0) return;
      if (flying.size >= IN_FLIGHT_MAX || (again === undefined && isEnough()))
        await Promise.race(flying.values());
      else if (again === undefined && dueMs > 0) await setTimeout(dueMs);
      else {
        const batch = again ?? this.seal();
        const sending = this.send(client, batch).finally(() => flying.delete(batch));
        // It is waited for above; who is killed with some in flight does not.
        sending.catch(() => {});
        flying.set(batch, sending);
      }
    }
  }

  private async send(client: ProtocolClient, batch: Batch): Promise<void> {
    const { model } = this.options;
    const { first, count, bytes } = batch;
    const partitionData = [{ index: model.partition, records: bytes }];
    const { responses } = await client.request(produce, 9, {
      acks: -1,
      timeoutMs: TIMEOUT_MS,
      topicData: [{ name: model.topic.name, partitionData }],
    });
    const { errorCode, baseOffset } = responses[0]?.partitionResponses[0] ?? {};
    deepEqual(
      { of: model.name, errorCode, baseOffset },
      { of: model.name, errorCode: 0, baseOffset: BigInt(first) },
    );
    deepEqual(this.open.shift(), batch);
    model.acknowledged = first + count;
    model.acknowledgedBytes += bytes.byteLength;
  }

  private seal(): Batch {
    const { engine, model, random } = this.options;
    const first = model.next;
    const timestamp = Date.now();
    const records = model.seal(random.between(1, RECORDS_MAX)).map((record) => ({ ...record, timestamp }));
    const { producerId = -1n, producerEpoch = -1 } = this.producer ?? {};
    const options = { codec: random.pick(CODECS), producerId, producerEpoch, baseSequence: first };
    const bytes = engine.writeBatch(records, { ...options, bytesMax: BATCH_BYTES_MAX });
    const batch = { first, count: records.length, bytes };
    this.open.push(batch);
    return batch;
  }
}
