/** The two brokers: an Apache Kafka and a gateway, set up alike. */
import { findCoordinator } from "../../wire/apis/find-coordinator.ts";
import { initProducerId } from "../../wire/apis/init-producer-id.ts";
import { offsetFetch } from "../../wire/apis/offset-fetch.ts";
import { startTestGateway } from "../gateway/start-gateway.ts";
import { startKafkaBroker } from "../tools/kafka-broker.ts";
import { apiVersions } from "../../wire/apis/api-versions.ts";
import type { Peers } from "./play.ts";
import { Talk, type Peer } from "./script.ts";

export interface RunningPeers extends Peers {
  stop(): Promise<void>;
}

/** What Rivulet has by default and Kafka has not: one partition for groups, and no wait before a group's first generation. */
const SETTINGS = { "offsets.topic.num.partitions": "1", "group.initial.rebalance.delay.ms": "0" };

export async function startPeers(): Promise<RunningPeers> {
  const started = await Promise.allSettled([startKafkaBroker(SETTINGS), startTestGateway()]);
  const [kafka, gateway] = started;
  const stop = async (): Promise<void> => {
    for (const each of started) if (each.status === "fulfilled") await each.value.stop();
  };
  try {
    if (kafka.status === "rejected") throw kafka.reason;
    if (gateway.status === "rejected") throw gateway.reason;
    const peers: Peers = {
      kafka: { name: "kafka", port: kafka.value.port },
      rivulet: { name: "rivulet", port: gateway.value.kafkaPort },
    };
    await Promise.all([coordinating(peers.kafka), coordinating(peers.rivulet)]);
    return { ...peers, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Kafka makes the topic that groups are kept in when it is first asked for a coordinator, and then loads it. */
async function coordinating(peer: Peer): Promise<void> {
  const talk = new Talk({ api: apiVersions, version: 0, peer, prefix: "start-" });
  try {
    await talk.until(findCoordinator, 4, { keyType: 0, coordinatorKeys: ["any"] }, ({ coordinators }) =>
      coordinators.every(({ errorCode }) => errorCode === 0),
    );
    await talk.until(offsetFetch, 8, { groups: [{ groupId: "any", topics: null }] }, ({ groups }) =>
      groups.every(({ errorCode }) => errorCode === 0),
    );
    // Brokers of Kafka take producer ids in blocks, and the first has to come from the controller.
    await talk.until(
      initProducerId,
      4,
      { transactionalId: null, transactionTimeoutMs: 1000 },
      ({ errorCode }) => errorCode === 0,
    );
  } finally {
    await talk.close();
  }
}
