import { expect, test } from "vitest";
import type { Metadata, TopicMetadata } from "../../sync/metadata.ts";
import { watchPartitions } from "../../sync/partition-watch.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** What the gateway tells, when the test says so. */
function toldBy(told: TopicMetadata) {
  let hear: (clusterId: string, topics: readonly TopicMetadata[]) => void = () => {};
  const metadata: Pick<Metadata, "lastTold" | "onLearned" | "invalidate" | "topic"> = {
    lastTold: () => told,
    onLearned(listener) {
      hear = listener;
      return () => (hear = () => {});
    },
    invalidate: () => {},
    topic: () => Promise.resolve(told),
  };
  const learn = (partitions: number): void => hear("cluster", [{ ...told, partitions }]);
  return { metadata: metadata as Metadata, learn };
}

const TOPIC: TopicMetadata = { name: "grows", id: "AAAAAAAAAAAAAAAAAAAAAQ", partitions: 1 };

test("partitions that were told of between the look-up and the watch are not missed", () => {
  const controller = new AbortController();
  const added: number[][] = [];
  const { metadata, learn } = toldBy({ ...TOPIC, partitions: 3 });
  const options = { metadata, clock: new VirtualClock(), signal: controller.signal };
  watchPartitions(TOPIC, options, (partitions) => added.push(partitions));
  expect(added).toEqual([[1, 2]]);
  learn(3);
  learn(4);
  expect(added).toEqual([[1, 2], [3]]);
  controller.abort();
  learn(5);
  expect(added).toHaveLength(2);
});
