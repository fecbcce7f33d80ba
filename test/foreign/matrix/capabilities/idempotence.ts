/** What an idempotent producer sends again, because the answer was lost, stands in the log once and in order. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeProducers } from "../../../../wire/apis/describe-producers.ts";
import { ProtocolClient } from "../../../gateway/protocol-client.ts";
import { createTopics, kafkajsForeign } from "../../clients/kafkajs.ts";
import { serve, type Served } from "../../served.ts";
import { available, matrix, topicOf, withClient } from "../bench.ts";
import { CuttingProxy } from "../cutting-proxy.ts";

const BATCHES = 4;
const BATCH_RECORDS = 100;
const RECORDS = BATCHES * BATCH_RECORDS;

export function idempotence(): void {
  let proxy: CuttingProxy;
  let served: Served;
  let observer: ProtocolClient;
  beforeAll(async () => {
    proxy = await CuttingProxy.listen();
    served = await serve("--kafka-advertised", proxy.address);
    proxy.upstreamPort = Number(served.broker.split(":")[1]);
    await createTopics(
      served.broker,
      available.map((kind) => topicOf(kind, "once")),
    );
    observer = await ProtocolClient.tcp(proxy.upstreamPort);
  });
  afterAll(async () => {
    await observer.close();
    await proxy.close();
    await served.dispose();
  });

  for (const kind of available) {
    test(kind.name, async () => {
      const topic = topicOf(kind, "once");
      const values = Array.from({ length: RECORDS }, (_, index) => `${index} ${"x".repeat(50)}`);
      const batches = Array.from({ length: BATCHES }, (_, at) =>
        values
          .slice(at * BATCH_RECORDS, (at + 1) * BATCH_RECORDS)
          .map((value) => ({ key: null, value: Buffer.from(value), headers: [] })),
      );
      proxy.cutAnswers((nth) => nth <= 2);
      await withClient(kind, proxy.address, (client) => client.write(topic, "none", batches));
      expect(proxy.cuts).toBe(2);

      proxy.cutAnswers(() => false);
      const partition = { broker: served.broker, topic, partition: 0 };
      const read = await kafkajsForeign.consume(partition, 0n, RECORDS);
      expect(read.map(({ value }) => value?.toString())).toEqual(values);
      await expect(kafkajsForeign.consume(partition, BigInt(RECORDS), 1)).rejects.toThrow("has read 0");

      const asked = { topics: [{ name: topic, partitionIndexes: [0] }] };
      const { topics } = await observer.request(describeProducers, 0, asked);
      const producers = topics[0]?.partitions[0]?.activeProducers ?? [];
      expect(producers.map(({ lastSequence }) => lastSequence)).toEqual([RECORDS - 1]);
      matrix.shown(kind, "idempotence");
    });
  }
}
