import { afterAll, beforeAll, expect, test } from "vitest";
import { dumpDataDirectory } from "../tools/dump-data-directory.ts";
import { runKafkaTool } from "../tools/kafka-tools.ts";
import { describeWith } from "../tools/require-tool.ts";
import { runKcat } from "./clients/kcat.ts";
import { serve, type Served } from "./served.ts";

// The newest versions of the protocol, flexible throughout, and answers that must come in order.
describeWith(["kcat", "kafka-tools"], "Kafka's own Java clients", () => {
  let served: Served;
  let broker: string;
  beforeAll(async () => {
    served = await serve();
    broker = served.broker;
  });
  afterAll(() => served.dispose());

  /** Runs a tool of Kafka's that must succeed; returns what it printed. */
  async function tool(name: string, args: readonly string[], input = ""): Promise<string> {
    const { code, stdout, stderr } = await runKafkaTool(`org.apache.kafka.tools.${name}`, args, { input });
    expect(code, `${name}: ${stderr}${stdout.toString()}`).toBe(0);
    return stdout.toString();
  }

  const lines = (count: number): string =>
    Array.from({ length: count }, (_, index) => `line ${index} ${"äß🦀".repeat(index % 20)}\n`).join("");

  test("create, describe, widen, list and delete topics", async () => {
    const server = ["--bootstrap-server", broker];
    await tool("TopicCommand", [...server, "--create", "--topic", "made", "--partitions", "3"]);
    await tool("TopicCommand", [...server, "--alter", "--topic", "made", "--partitions", "4"]);
    const described = await tool("TopicCommand", [...server, "--describe", "--topic", "made"]);
    expect(described).toMatch(/Topic: made\tTopicId: [\w-]{22}\tPartitionCount: 4\tReplicationFactor: 1/);
    await tool("TopicCommand", [...server, "--delete", "--topic", "made"]);
    expect(await tool("TopicCommand", [...server, "--list"])).toBe("\n");
  });

  test.each(["none", "gzip", "snappy", "lz4", "zstd"])(
    "an idempotent producer writes with %s, and kcat reads",
    async (codec) => {
      const topic = `written-${codec}`;
      const properties = [
        "acks=all",
        "enable.idempotence=true",
        `compression.type=${codec}`,
        "batch.size=4000",
      ];
      const args = ["--bootstrap-server", broker, "--topic", topic];
      await tool(
        "ConsoleProducer",
        [...args, ...properties.flatMap((property) => ["--command-property", property])],
        lines(3000),
      );
      expect((await runKcat(broker, ["-C", "-t", topic, "-p", "0", "-e"])).toString()).toBe(lines(3000));
    },
  );

  test.each(["none", "gzip", "snappy", "lz4", "zstd"])(
    "kcat writes with %s, and a consumer reads",
    async (codec) => {
      const topic = `read-${codec}`;
      await runKcat(broker, ["-P", "-t", topic, "-p", "0", "-z", codec], { input: lines(3000) });
      const args = [
        "--bootstrap-server",
        broker,
        "--topic",
        topic,
        "--partition",
        "0",
        "--offset",
        "earliest",
      ];
      const alone = ["--max-messages", "3000", "--command-property", "enable.auto.commit=false"];
      expect(await tool("consumer.ConsoleConsumer", [...args, ...alone])).toBe(lines(3000));
    },
  );

  test("a fast producer's records are all there, and Kafka's tool accepts every file", async () => {
    const properties = [`bootstrap.servers=${broker}`, "acks=all", "compression.type=lz4"];
    const load = ["--topic", "fast", "--num-records", "50000", "--record-size", "100", "--throughput", "-1"];
    await tool("ProducerPerformance", [...load, "--producer-props", ...properties]);
    expect(await tool("GetOffsetShell", ["--bootstrap-server", broker, "--topic", "fast"])).toBe(
      "fast:0:50000\n",
    );
    await served.stop();
    const { partitions } = await dumpDataDirectory(served.dataDir);
    expect(partitions.get("fast-0")?.flatMap(({ records }) => records).length).toBe(50_000);
  });
});
