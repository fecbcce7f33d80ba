import { createRequire } from "node:module";
import type { Admin, Consumer, Producer } from "kafkajs";
import type { ClientKind } from "../client.ts";
import { confluentDirectory, installConfluent } from "../install-confluent.ts";
import { kafkajsLike } from "./kafkajs-like.ts";

/** What is used of its calls: kafkajs', with options in another place. */
interface Confluent {
  readonly KafkaJS: {
    readonly Kafka: new (options: { kafkaJS: object }) => {
      producer(options: { kafkaJS: object }): Producer;
      consumer(options: { kafkaJS: object }): Consumer;
      admin(): Admin;
    };
    readonly CompressionTypes: Readonly<Record<string, number>>;
    readonly logLevel: { readonly NOTHING: number };
  };
  readonly librdkafkaVersion: string;
}

/** Loaded late: it is built when its tests run. */
function load(): Confluent {
  return createRequire(import.meta.url)(confluentDirectory) as Confluent;
}

export const confluentJavascript: ClientKind = {
  name: "@confluentinc/kafka-javascript",
  needs: ["c++ compiler"],
  async install() {
    const version = await installConfluent();
    // Behind a dash it says how it was built.
    return `${version} (librdkafka ${load().librdkafkaVersion.replace(/-.*/, "")})`;
  },
  connect(broker) {
    const { Kafka, logLevel } = load().KafkaJS;
    const kafka = new Kafka({ kafkaJS: { brokers: [broker], logLevel: logLevel.NOTHING } });
    return kafkajsLike(broker, {
      name: "confluent",
      producer: (codec) => kafka.producer({ kafkaJS: { idempotent: true, acks: -1, compression: codec } }),
      sendOptions: () => ({}),
      async consumer(groupId, topics, fromBeginning) {
        const consumer = kafka.consumer({ kafkaJS: { groupId, fromBeginning, autoCommit: false } });
        await consumer.connect();
        await consumer.subscribe({ topics: [...topics] });
        return consumer;
      },
      runOptions: {},
      admin: () => kafka.admin(),
      configs: {
        why: "has no calls for settings yet",
        holds: () => !Object.getOwnPropertyNames(Object.getPrototypeOf(kafka.admin())).some(isAboutConfigs),
      },
    });
  },
};

function isAboutConfigs(name: string): boolean {
  return /configs/i.test(name);
}
