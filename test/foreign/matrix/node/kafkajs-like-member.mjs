/** A member of a group: `kafkajs-like-member.mjs <kafkajs|confluent> <broker> <topic> <group>` prints what it reads. */
import { createRequire } from "node:module";

const [kind, broker, topic, group] = process.argv.slice(2);
const require = createRequire(import.meta.url);

const timeouts = { sessionTimeout: 10_000, heartbeatInterval: 500 };

/** A consumer that begins at the beginning. */
async function consumerOf() {
  if (kind === "kafkajs") {
    const { Kafka, logLevel } = require("kafkajs");
    const kafka = new Kafka({ clientId: "member", brokers: [broker], logLevel: logLevel.ERROR });
    const consumer = kafka.consumer({ groupId: group, ...timeouts });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    return { consumer, runOptions: { autoCommitInterval: 100 } };
  }
  const { Kafka, logLevel } = require("@confluentinc/kafka-javascript").KafkaJS;
  const kafka = new Kafka({ kafkaJS: { clientId: "member", brokers: [broker], logLevel: logLevel.ERROR } });
  const options = { groupId: group, fromBeginning: true, autoCommitInterval: 100, ...timeouts };
  const consumer = kafka.consumer({ kafkaJS: options });
  await consumer.connect();
  await consumer.subscribe({ topic });
  return { consumer, runOptions: {} };
}

const { consumer, runOptions } = await consumerOf();
await consumer.run({
  ...runOptions,
  eachMessage: async ({ partition, message }) => {
    process.stdout.write(`${partition} ${message.offset} ${message.value}\n`);
  },
});
