/** The two servers, each with a directory that outlives its processes, on one file system. */
import { setTimeout } from "node:timers/promises";
import { deleteTopics } from "../../wire/apis/delete-topics.ts";
import { listOffsets } from "../../wire/apis/list-offsets.ts";
import { metadata } from "../../wire/apis/metadata.ts";
import { formatKafkaDirectory } from "../../test/tools/kafka-broker.ts";
import { THOROUGH } from "../../test/tools/kafka-tools.ts";
import { openKafkaClient } from "../kafka-client.ts";
import type { Running, Server } from "../many/servers.ts";

const METADATA_VERSION = 9;
const DELETE_TOPICS_VERSION = 5;
const LIST_OFFSETS_VERSION = 5;
const LATEST = -1n;
const START_MS = 120_000;
const ASK_AGAIN_MS = 5;
/** `kafka-server-start.sh` gives Kafka this heap. */
const FLAGS = [...THOROUGH, "-Xms1G", "-Xmx1G"];

/** What `config/server.properties` has in Kafka's own distribution, and files that are deleted when their topic is. */
const KAFKA_SETTINGS = {
  "num.network.threads": "3",
  "num.io.threads": "8",
  "socket.send.buffer.bytes": "102400",
  "socket.receive.buffer.bytes": "102400",
  "group.initial.rebalance.delay.ms": "0",
  "log.segment.delete.delay.ms": "1000",
};

/** Kafka as its scripts start it. */
export async function kafka(): Promise<Server> {
  const directory = await formatKafkaDirectory(KAFKA_SETTINGS);
  return {
    name: "Kafka",
    start: async (): Promise<Running> => {
      const { pid, ended, end } = await directory.launch(FLAGS);
      let died: string | undefined;
      void ended.then((reason) => (died = reason));
      await untilLed(directory.port, undefined, 0, () => died);
      return { pid, port: directory.port, end };
    },
    remove: () => directory.remove(),
  };
}

/** Resolves when so many partitions, of one topic or of all, have a leader: then clients need not ask again. */
export async function untilLed(
  port: number,
  topic: string | undefined,
  partitions: number,
  died: () => string | undefined = () => undefined,
): Promise<void> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    const led = await partitionsLed(port, topic).catch(() => -1);
    if (led >= partitions) return;
    const reason = died();
    if (reason !== undefined) throw new Error(reason);
    if (performance.now() > deadline)
      throw new Error(`port ${port}: ${led} of ${partitions} partitions are led after ${START_MS} ms`);
    await setTimeout(ASK_AGAIN_MS);
  }
}

async function partitionsLed(port: number, topic: string | undefined): Promise<number> {
  let lost: (reason: Error) => void = () => {};
  const closed = new Promise<never>((_resolve, reject) => (lost = reject));
  closed.catch(() => {});
  const client = await openKafkaClient(port, (reason) => lost(new Error(reason)));
  try {
    const asked = topic === undefined ? null : [{ name: topic }];
    const answer = client.request(metadata, METADATA_VERSION, { topics: asked });
    const { topics } = await Promise.race([answer, closed]);
    return topics.flatMap((each) => each.partitions).filter(({ leaderId }) => leaderId >= 0).length;
  } finally {
    client.close();
  }
}

/** How many records can be read from the topic's partitions, once they are `expected` or START_MS have passed. */
export async function recordsOf(
  port: number,
  topic: string,
  partitions: number,
  expected: number,
): Promise<number> {
  const client = await openKafkaClient(port, () => {});
  const asked = Array.from({ length: partitions }, (_, partitionIndex) => ({
    partitionIndex,
    timestamp: LATEST,
  }));
  const deadline = performance.now() + START_MS;
  for (;;) {
    const { topics } = await client.request(listOffsets, LIST_OFFSETS_VERSION, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: topic, partitions: asked }],
    });
    const records = (topics[0]?.partitions ?? []).reduce((sum, { offset }) => sum + Number(offset), 0);
    if (records >= expected || performance.now() > deadline) {
      client.close();
      return records;
    }
    await setTimeout(ASK_AGAIN_MS);
  }
}

export async function removeTopic(port: number, topic: string): Promise<void> {
  const client = await openKafkaClient(port, () => {});
  await client.request(deleteTopics, DELETE_TOPICS_VERSION, { topicNames: [topic], timeoutMs: START_MS });
  client.close();
}
