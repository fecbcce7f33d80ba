/** Kafka's Java consumers and tools in groups of the new protocol (KIP-848). */
import { afterAll, beforeAll, expect, test } from "vitest";
import { runKafkaTool, startKafkaProgram } from "../tools/kafka-tools.ts";
import { describeWith } from "../tools/require-tool.ts";
import type { Running } from "../tools/run-process.ts";
import { kafkajsClient } from "./clients/kafkajs.ts";
import { serve, type Served } from "./served.ts";

const PARTITIONS = 6;
const GROUP_TOOL = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer";
const CONFIGS = "kafka.admin.ConfigCommand";

let served: Served;
beforeAll(async () => {
  // A member that is killed is given up soon.
  const settings = [
    `num.partitions=${PARTITIONS}`,
    "group.consumer.min.session.timeout.ms=4000",
    "group.consumer.session.timeout.ms=6000",
    "group.consumer.min.heartbeat.interval.ms=200",
    "group.consumer.heartbeat.interval.ms=500",
  ];
  served = await serve(...settings.flatMap((each) => ["--config", each]));
});
afterAll(() => served.dispose());

async function fill(topic: string, from: number, count: number): Promise<string[]> {
  const values = Array.from({ length: count }, (_, index) => `n ${from + index}`);
  const producer = kafkajsClient(served.broker).producer();
  await producer.connect();
  await producer.send({ topic, messages: values.map((value) => ({ key: value, value })) });
  await producer.disconnect();
  return values;
}

async function tool(name: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runKafkaTool(name, ["--bootstrap-server", served.broker, ...args]);
  expect(code, `${name}: ${stderr}${stdout.toString()}`).toBe(0);
  return stdout.toString();
}

/** What a tool prints, again and again until it holds. */
async function toolUntil(args: readonly string[], holds: (text: string) => boolean): Promise<string> {
  let text = "";
  for (let tries = 0; tries < 30; tries++) {
    text = await tool(GROUP_TOOL, args);
    if (holds(text)) return text;
  }
  throw new Error(`it never held of:\n${text}`);
}

interface ReadingConsumer {
  readonly running: Running;
  readonly lines: string[];
}

/** A console consumer that reads until it is stopped. */
async function startConsumer(args: readonly string[]): Promise<ReadingConsumer> {
  const running = await startKafkaProgram(
    CONSUMER,
    [
      "--bootstrap-server",
      served.broker,
      "--from-beginning",
      "--command-property",
      "group.protocol=consumer",
      ...args,
    ],
    { timeoutMs: 240_000 },
  );
  // It is killed: how it ends says nothing.
  running.finished.catch(() => undefined);
  const lines: string[] = [];
  running.child.stdout.on("data", (chunk: Buffer) => lines.push(...chunk.toString().trim().split("\n")));
  return { running, lines };
}

describeWith(["kafka-tools"], "Java consumers with group.protocol=consumer", () => {
  test("three share a topic, and go on without one that is killed", { timeout: 300_000 }, async () => {
    const first = await fill("shared", 0, 300);
    const start = (): Promise<ReadingConsumer> => startConsumer(["--topic", "shared", "--group", "three"]);
    const consumers = [await start(), await start(), await start()];
    const read = (): Set<string> => new Set(consumers.flatMap(({ lines }) => lines));
    try {
      const members = ["--describe", "--group", "three", "--members", "--verbose"];
      const partitionsOf = (text: string): number[] =>
        [...text.matchAll(/^three +\S+ +\S+ +\S+ +(\d+) /gm)].map(([, count]) => Number(count));
      const shared = await toolUntil(members, (text) => partitionsOf(text).join() === "2,2,2");
      expect(shared).toMatch(/CURRENT-EPOCH +CURRENT-ASSIGNMENT +TARGET-EPOCH +TARGET-ASSIGNMENT/);
      expect(await tool(GROUP_TOOL, ["--describe", "--group", "three", "--state"])).toMatch(
        /three +\S+ +\(1\) +uniform +Stable +3/,
      );
      expect(await tool(GROUP_TOOL, ["--list", "--type", "consumer", "--state", "stable"])).toContain(
        "three",
      );
      expect(await tool(GROUP_TOOL, ["--list", "--type", "classic"])).not.toContain("three");

      consumers[0]?.running.child.kill("SIGKILL");
      await toolUntil(members, (text) => partitionsOf(text).join() === "3,3");
      const second = await fill("shared", 300, 300);
      const lag = (text: string): number =>
        [...text.matchAll(/^three +shared +\d+ +\S+ +\d+ +(\S+)/gm)].reduce(
          (sum, [, each]) => sum + Number(each),
          0,
        );
      await toolUntil(["--describe", "--group", "three"], (text) => lag(text) === 0);
      expect([...first, ...second].filter((value) => !read().has(value))).toEqual([]);
    } finally {
      for (const { running } of consumers) running.child.kill();
    }
    await toolUntil(["--describe", "--group", "three", "--state"], (text) => /Empty +0/.test(text));
    expect(await tool(GROUP_TOOL, ["--delete", "--group", "three"])).toMatch(/successful/);
  });

  test(
    "a static one reads the topics that it matches, with an assignor and a session of its own",
    { timeout: 300_000 },
    async () => {
      const values = [...(await fill("eu-orders", 0, 20)), ...(await fill("eu-sales", 20, 20))];
      await fill("us-orders", 40, 20);
      const group = ["--entity-type", "groups", "--entity-name", "by-expression"];
      await tool(CONFIGS, ["--alter", ...group, "--add-config", "consumer.session.timeout.ms=7000"]);
      expect(await tool(CONFIGS, ["--describe", ...group])).toMatch(/consumer\.session\.timeout\.ms=7000/);
      const args = ["--include", "eu-.*", "--group", "by-expression", "--max-messages", "40"];
      const said = ["group.protocol=consumer", "group.instance.id=one", "group.remote.assignor=range"];
      const read = await tool(CONSUMER, [
        ...args,
        "--from-beginning",
        "--timeout-ms",
        "60000",
        ...said.flatMap((each) => ["--command-property", each]),
      ]);
      expect(new Set(read.trim().split("\n"))).toEqual(new Set(values));
    },
  );
});
