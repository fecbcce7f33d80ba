import { expect, test } from "vitest";
import { Metadata } from "../../sync/metadata.ts";
import { merge } from "../../sync/merge.ts";
import { EARLIEST } from "../../sync/log-offsets.ts";
import { subscription } from "../../sync/subscription.ts";
import { Upstream } from "../../sync/upstream.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "./fake-broker.ts";
import { seeded, VirtualClock } from "./virtual-clock.ts";

const engine = loadEngine();

test("a reader that leaves while more is waiting leaves no subscription behind", async () => {
  const clock = new VirtualClock();
  const broker = new FakeBroker(engine);
  const topic = broker.createTopic("orders", 2);
  const options = {
    codec: 0,
    producerId: -1n,
    producerEpoch: -1,
    baseSequence: -1,
    bytesMax: 1 << 20,
  } as const;
  for (const partition of topic.partitions) {
    for (let batch = 0; batch < 3; batch++) {
      const value = new TextEncoder().encode(`batch ${batch}`);
      partition.append(engine.writeBatch([{ key: null, value, timestamp: 1 }], options));
    }
  }
  const upstream = new Upstream({ open: broker.open, clock, random: seeded(2), clientId: "t" });
  const metadata = new Metadata(upstream);
  const controller = new AbortController();
  const sources = topic.partitions.map((_, partition) =>
    subscription({
      upstream,
      engine,
      topic: "orders",
      topicId: topic.id,
      partition,
      from: EARLIEST,
      uncompressedBytesMax: 1 << 26,
      isThere: async () => (await metadata.topic("orders"))?.id === topic.id,
      signal: controller.signal,
    }),
  );
  const reading = (async () => {
    for await (const records of merge(sources, () => controller.abort())) return records.length;
    return 0;
  })();
  expect(await clock.until(reading)).toBe(1);
  await clock.settle();
  expect([...broker.connections].map((connection) => connection.subscriptions.size)).toEqual([0]);
  expect(upstream.connection?.isListening(topic.id, 0)).toBe(false);
  expect(upstream.connection?.isListening(topic.id, 1)).toBe(false);
  await upstream.close("done");
});
