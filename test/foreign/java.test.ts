import { afterAll, beforeAll, expect, test } from "vitest";
import { dumpDataDirectory } from "../tools/dump-data-directory.ts";
import { runKafkaTool } from "../tools/kafka-tools.ts";
import { describeWith } from "../tools/require-tool.ts";
import { serve, type Served } from "./served.ts";

// The newest versions of the protocol, flexible throughout, and answers that must come in order.
describeWith(["kafka-tools"], "Kafka's own Java clients", () => {
  let served: Served;
  let broker: string;
  beforeAll(async () => {
    served = await serve();
    broker = served.broker;
  });
  afterAll(() => served.dispose());

  /** Runs a tool of Kafka's that must succeed; returns what it printed. */
  async function tool(name: string, args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await runKafkaTool(`org.apache.kafka.tools.${name}`, args);
    expect(code, `${name}: ${stderr}${stdout.toString()}`).toBe(0);
    return stdout.toString();
  }

  test("widen and list topics", async () => {
    const server = ["--bootstrap-server", broker];
    await tool("TopicCommand", [...server, "--create", "--topic", "made", "--partitions", "3"]);
    await tool("TopicCommand", [...server, "--alter", "--topic", "made", "--partitions", "4"]);
    const described = await tool("TopicCommand", [...server, "--describe", "--topic", "made"]);
    expect(described).toMatch(/Topic: made\tTopicId: [\w-]{22}\tPartitionCount: 4\tReplicationFactor: 1/);
    expect(await tool("TopicCommand", [...server, "--list"])).toBe("made\n");
  });

  test("a fast producer's records are all there, and Kafka's tool accepts every file", async () => {
    const properties = [`bootstrap.servers=${broker}`, "acks=all", "compression.type=lz4"];
    const load = ["--topic", "fast", "--num-records", "50000", "--record-size", "100", "--throughput", "-1"];
    await tool("ProducerPerformance", [...load, "--producer-props", ...properties]);
    expect(await tool("GetOffsetShell", ["--bootstrap-server", broker, "--topic", "fast"])).toBe(
      "fast:0:50000\n",
    );
    const drain = ["--bootstrap-server", broker, "--topic", "fast", "--num-records", "50000"];
    const measured = await tool("ConsumerPerformance", drain);
    expect(measured.trim().split("\n").at(-1)?.split(", ")[4]).toBe("50000");
    await served.stop();
    const { partitions } = await dumpDataDirectory(served.dataDir);
    expect(partitions.get("fast-0")?.flatMap(({ records }) => records).length).toBe(50_000);
  });
});
