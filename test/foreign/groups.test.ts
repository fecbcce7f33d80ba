import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Consumer, stringDeserializers } from "@platformatic/kafka";
import type { Consumer as KafkajsConsumer } from "kafkajs";
import { runKafkaTool } from "../tools/kafka-tools.ts";
import { describeWith } from "../tools/require-tool.ts";
import { kafkajsClient } from "./clients/kafkajs.ts";
import { runKcat } from "./clients/kcat.ts";
import { serve, type Served } from "./served.ts";

const PARTITIONS = 6;
const RECORDS = 300;

let served: Served;
beforeAll(async () => {
  served = await serve("--config", `num.partitions=${PARTITIONS}`);
});
afterAll(() => served.dispose());

/** `n 0`, `n 1`, ... */
const numbered = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `n ${from + index}`);

/** Fills a topic with `n 0`, `n 1`, ... by key, so that every partition has some. */
async function fill(topic: string, from = 0, count = RECORDS): Promise<string[]> {
  const values = numbered(from, count);
  const producer = kafkajsClient(served.broker).producer();
  await producer.connect();
  await producer.send({ topic, messages: values.map((value) => ({ key: value, value })) });
  await producer.disconnect();
  return values;
}

/** Resolves when `isDone` holds; `tell` is called when it may. */
function until(isDone: () => boolean): { done: Promise<void>; tell: () => void } {
  let resolve = (): void => {};
  const done = new Promise<void>((given) => (resolve = given));
  return { done, tell: () => isDone() && resolve() };
}

describe("a group of three kafkajs consumers", () => {
  test("shares the partitions, goes on without one that leaves, and reads on where it was", async () => {
    const topic = "shared";
    const first = await fill(topic);
    const seen = new Map<string, string[]>();
    const all = (): string[] => [...seen.values()].flat();
    let goal = until(() => all().length >= RECORDS && seen.size === 3);
    const start = async (name: string): Promise<KafkajsConsumer> => {
      const consumer = kafkajsClient(served.broker).consumer({
        groupId: "three",
        sessionTimeout: 10_000,
        heartbeatInterval: 300,
      });
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        autoCommitInterval: 100,
        eachMessage: ({ message }) => {
          seen.set(name, [...(seen.get(name) ?? []), String(message.value)]);
          goal.tell();
          return Promise.resolve();
        },
      });
      return consumer;
    };
    const joined = (consumer: KafkajsConsumer): Promise<number> =>
      new Promise((resolve) => {
        const stop = consumer.on("consumer.group_join", ({ payload }) => {
          stop();
          resolve(Object.values(payload.memberAssignment).flat().length);
        });
      });
    const consumers = await Promise.all(["a", "b", "c"].map((name) => start(name)));
    // Each is assigned two partitions once the last has joined; then new records reach all three.
    const admin = kafkajsClient(served.broker).admin();
    await admin.connect();
    let members = 0;
    for (let tries = 0; members < 3 && tries < 100; tries++) {
      const { groups } = await admin.describeGroups(["three"]);
      members = groups[0]?.state === "Stable" ? groups[0].members.length : 0;
      if (members < 3) await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(members).toBe(3);
    const second = await fill(topic, RECORDS);
    await goal.done;
    const sent = new Set([...first, ...second]);
    expect(all().filter((value) => !sent.has(value))).toEqual([]);

    const [leaver, ...others] = consumers;
    const rejoined = Promise.all(others.map((consumer) => joined(consumer)));
    await leaver?.disconnect();
    expect((await rejoined).reduce((sum, count) => sum + count, 0)).toBe(PARTITIONS);
    // Set before the records are sent: a member may see them before the producer hears that they are stored.
    const third = numbered(2 * RECORDS, RECORDS);
    goal = until(() => third.every((value) => all().includes(value)));
    await fill(topic, 2 * RECORDS);
    await goal.done;
    await Promise.all(others.map((consumer) => consumer.disconnect()));

    // Everything was read, and what the last commits say is where the next reader begins.
    expect(new Set(all())).toEqual(new Set([...first, ...second, ...third]));
    const offsets = await admin.fetchOffsets({ groupId: "three", topics: [topic] });
    const committed = offsets[0]?.partitions.reduce((sum, { offset }) => sum + Number(offset), 0);
    expect(committed).toBe(3 * RECORDS);
    expect(await admin.listGroups()).toMatchObject({ groups: [{ groupId: "three" }] });
    expect(await admin.deleteGroups(["three"])).toMatchObject([{ groupId: "three", errorCode: 0 }]);
    await admin.disconnect();
  });
});

test("@platformatic/kafka joins a group, commits, and another of it reads on", async () => {
  const topic = "committed";
  const values = await fill(topic);
  const read = async (count: number): Promise<string[]> => {
    const consumer = new Consumer({
      clientId: "platformatic-test",
      groupId: "pair",
      bootstrapBrokers: [served.broker],
      deserializers: stringDeserializers,
    });
    const stream = await consumer.consume({
      topics: [topic],
      mode: "committed",
      fallbackMode: "earliest",
      autocommit: true,
    });
    const got: string[] = [];
    for await (const { value } of stream) {
      got.push(value);
      if (got.length === count) break;
    }
    await consumer.close();
    return got;
  };
  expect(new Set(await read(RECORDS))).toEqual(new Set(values));
  const more = await fill(topic, RECORDS, 10);
  expect(new Set(await read(10))).toEqual(new Set(more));
});

describeWith(["kcat", "kafka-tools"], "groups of kcat and Kafka's Java tools", () => {
  const tool = async (name: string, args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runKafkaTool(name, ["--bootstrap-server", served.broker, ...args]);
    expect(code, `${name}: ${stderr}${stdout.toString()}`).toBe(0);
    return stdout.toString();
  };

  test("a Java consumer goes on where kcat was, and the tools see the group, its lag and its end", async () => {
    const topic = "mixed";
    const values = await fill(topic);
    const kcat = await runKcat(served.broker, [
      "-G",
      "mixed-group",
      "-X",
      "auto.offset.reset=earliest",
      "-e",
      "-q",
      topic,
    ]);
    expect(new Set(kcat.toString().trim().split("\n"))).toEqual(new Set(values));
    const more = await fill(topic, RECORDS, 20);
    const groupTool = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
    const describe = (): Promise<string> => tool(groupTool, ["--describe", "--group", "mixed-group"]);
    const lag = (text: string): number =>
      [...text.matchAll(/^mixed-group +mixed +\d+ +\d+ +\d+ +(\d+)/gm)].reduce(
        (sum, [, each]) => sum + Number(each),
        0,
      );
    expect(lag(await describe())).toBe(20);
    const java = await tool("org.apache.kafka.tools.consumer.ConsoleConsumer", [
      "--topic",
      topic,
      "--group",
      "mixed-group",
      "--max-messages",
      "20",
      "--timeout-ms",
      "30000",
    ]);
    expect(new Set(java.trim().split("\n"))).toEqual(new Set(more));
    expect(lag(await describe())).toBe(0);
    const reset = [
      "--reset-offsets",
      "--to-earliest",
      "--group",
      "mixed-group",
      "--topic",
      topic,
      "--execute",
    ];
    expect(await tool(groupTool, reset)).toMatch(/mixed-group +mixed +\d+ +0/);
    expect(lag(await describe())).toBe(RECORDS + 20);
    expect(await tool(groupTool, ["--delete", "--group", "mixed-group"])).toMatch(/successful/);
    expect(await tool(groupTool, ["--list"])).not.toContain("mixed-group");
  });
});
