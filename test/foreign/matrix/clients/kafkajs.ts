import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import kafkajs from "kafkajs";
import { compressionOf, kafkajsClient } from "../../clients/kafkajs.ts";
import type { ClientKind } from "../client.ts";
import { kafkajsLike } from "./kafkajs-like.ts";

const packageFile = createRequire(import.meta.url).resolve("kafkajs/package.json");

export const kafkajsKind: ClientKind = {
  name: "kafkajs",
  needs: [],
  note: () =>
    "snappy, lz4 and zstd come from plugins, as its documentation has it; records are deleted where the same admin has " +
    "asked for the topic's offsets before",
  install: () =>
    Promise.resolve((JSON.parse(readFileSync(packageFile, "utf8")) as { version: string }).version),
  connect(broker) {
    const kafka = kafkajsClient(broker);
    return kafkajsLike(broker, {
      name: "kafkajs",
      producer: () => kafka.producer({ idempotent: true, maxInFlightRequests: 1 }),
      sendOptions: (codec) => ({ acks: -1, compression: compressionOf[codec] }),
      async consumer(groupId, topics, fromBeginning) {
        const consumer = kafka.consumer({ groupId });
        await consumer.connect();
        await consumer.subscribe({ topics: [...topics], fromBeginning });
        return consumer;
      },
      runOptions: { autoCommit: false },
      admin: () => kafka.admin(),
      configs: { topicResource: kafkajs.ConfigResourceTypes.TOPIC },
    });
  },
};
