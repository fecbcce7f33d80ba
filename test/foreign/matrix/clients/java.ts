/** Kafka's own command-line tools: the Java clients, each call a process. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  fetchKafkaTools,
  javaArguments,
  kafkaToolsVersion,
  runKafkaTool,
} from "../../../tools/kafka-tools.ts";
import type { ForeignRecord, ReadRecord } from "../../clients/client.ts";
import type { Client, ClientKind } from "../client.ts";

/** The tools by the names under which Kafka installs them, and the classes that those start. */
const TOOLS = {
  "kafka-topics": "org.apache.kafka.tools.TopicCommand",
  "kafka-configs": "kafka.admin.ConfigCommand",
  "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
  "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
  "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
  "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
  "kafka-verifiable-consumer": "org.apache.kafka.tools.VerifiableConsumer",
} as const;

type ToolName = keyof typeof TOOLS;

const directory = fileURLToPath(new URL("../../../../build/matrix", import.meta.url));
const NULL = "<null>";

export const javaKind: ClientKind = {
  name: "Kafka's Java clients",
  needs: ["kafka-tools"],
  note: () => `by Kafka's own tools: ${Object.keys(TOOLS).join(", ")}`,
  async install() {
    await fetchKafkaTools();
    mkdirSync(directory, { recursive: true });
    return kafkaToolsVersion();
  },
  connect,
};

function connect(broker: string): Client {
  /** Runs a tool that must succeed; returns what it printed. */
  const tool = async (name: ToolName, args: readonly string[], input = ""): Promise<string> => {
    const server = ["--bootstrap-server", broker];
    const { code, stdout, stderr } = await runKafkaTool(TOOLS[name], [...server, ...args], { input });
    if (code !== 0) throw new Error(`${name} ended with ${code}: ${stderr}${stdout.toString()}`);
    return stdout.toString();
  };
  /** Where a partition's records of this time and later begin. */
  const offsetAt = async (topic: string, time: number): Promise<string> => {
    const said = await tool("kafka-get-offsets", ["--topic-partitions", `${topic}:0`, "--time", `${time}`]);
    return said.trim().split(":")[2] ?? "";
  };
  const topicConfig = (topic: string) => ["--entity-type", "topics", "--entity-name", topic];

  return {
    async write(topic, codec, batches) {
      // These have options of their own, which are stronger than properties.
      const batching = [
        "--compression-codec",
        codec,
        "--batch-size",
        "4000",
        "--request-required-acks",
        "all",
      ];
      const reader = { "parse.headers": "true", "parse.key": "true", "null.marker": NULL };
      const properties = pairs("--command-property", { "enable.idempotence": "true" });
      const options = [...batching, ...properties, ...pairs("--reader-property", reader)];
      const lines = batches.flat().map((record) => `${lineOf(record)}\n`);
      await tool("kafka-console-producer", ["--topic", topic, ...options], lines.join(""));
    },

    async read(topics, count) {
      const names = topics.map((topic) => topic.replaceAll(".", "\\."));
      const from = ["--include", names.join("|"), "--from-beginning", "--max-messages", `${count}`];
      return parse(await tool("kafka-console-consumer", [...from, ...PRINTED]), count);
    },

    async readFrom(topic, timestampMs, count) {
      const from = ["--topic", topic, "--partition", "0", "--offset", await offsetAt(topic, timestampMs)];
      const args = [...from, "--max-messages", `${count}`, ...PRINTED];
      return parse(await tool("kafka-console-consumer", args), count);
    },

    member(topic, group) {
      const config = join(directory, "verifiable-consumer.properties");
      writeFileSync(config, "heartbeat.interval.ms=500\n");
      const of = ["--topic", topic, "--group-id", group, "--session-timeout", "10000", "--verbose"];
      const args = ["--bootstrap-server", broker, ...of, "--command-config", config];
      return {
        command: "java",
        args: javaArguments(TOOLS["kafka-verifiable-consumer"], args),
        parse: parseEvent,
      };
    },

    topics: {
      async create(topic, partitions, config) {
        const options = pairs("--config", config);
        await tool("kafka-topics", [
          "--create",
          "--topic",
          topic,
          "--partitions",
          `${partitions}`,
          ...options,
        ]);
      },
      async countPartitions(topic) {
        const described = await tool("kafka-topics", ["--describe", "--if-exists", "--topic", topic]);
        return Number(/PartitionCount: (\d+)/.exec(described)?.[1] ?? 0);
      },
      delete: async (topic) => void (await tool("kafka-topics", ["--delete", "--topic", topic])),
    },

    configs: {
      async get(topic, name) {
        const described = await tool("kafka-configs", ["--describe", ...topicConfig(topic), "--all"]);
        return new RegExp(`^ *${name.replaceAll(".", "\\.")}=(\\S*)`, "m").exec(described)?.[1] ?? "";
      },
      async set(topic, name, value) {
        await tool("kafka-configs", ["--alter", ...topicConfig(topic), "--add-config", `${name}=${value}`]);
      },
    },

    async deleteRecords(topic, offset) {
      const partitions = [{ topic, partition: 0, offset }];
      const file = join(directory, `delete-${topic}.json`);
      writeFileSync(file, JSON.stringify({ version: 1, partitions }));
      const said = await tool("kafka-delete-records", ["--offset-json-file", file]);
      return Number(/low_watermark: (\d+)/.exec(said)?.[1]);
    },

    close: () => Promise.resolve(),
  };
}

function pairs(option: string, settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => [option, `${name}=${value}`]);
}

/** A record as the console producer reads it. */
function lineOf({ key, value, headers }: ForeignRecord): string {
  const named = headers.map(([name, text]) => `${name}:${text}`).join(",");
  const text = (bytes: Buffer | null): string => bytes?.toString() ?? NULL;
  return [named === "" ? NULL : named, text(key), text(value)].join("\t");
}

/** What the console consumer prints of each record, in this order, with tabs between. */
const PRINTED = pairs("--formatter-property", {
  "print.timestamp": "true",
  "print.offset": "true",
  "print.headers": "true",
  "print.key": "true",
  "null.literal": NULL,
});

function parse(printed: string, count: number): ReadRecord[] {
  const bytes = (text = ""): Buffer | null => (text === NULL ? null : Buffer.from(text));
  const records = printed
    .split("\n")
    .slice(0, -1)
    .map((line): ReadRecord => {
      const [time = "", offset = "", headers = "", key, value] = line.split("\t");
      const named = headers === "NO_HEADERS" ? [] : headers.split(",");
      return {
        timestamp: BigInt(time.replace("CreateTime:", "")),
        offset: BigInt(offset.replace("Offset:", "")),
        headers: named.map((pair) => [pair.slice(0, pair.indexOf(":")), pair.slice(pair.indexOf(":") + 1)]),
        key: bytes(key),
        value: bytes(value),
      };
    });
  if (records.length !== count) throw new Error(`Java has read ${records.length} records, not ${count}`);
  return records;
}

/** The verifiable consumer tells of each record in a line of JSON. */
function parseEvent(line: string): { partition: number; offset: number } | undefined {
  if (!line.startsWith("{")) return undefined;
  const event = JSON.parse(line) as { name: string; partition: number; offset: number };
  return event.name === "record_data" ? event : undefined;
}
