import { afterAll, beforeAll, expect, test } from "vitest";
import { describeWith } from "../tools/require-tool.ts";
import { kcat, runKcat, startKcat } from "./clients/kcat.ts";
import { serve, type Served } from "./served.ts";

describeWith(["kcat"], "kcat", () => {
  let served: Served;
  let broker: string;
  beforeAll(async () => {
    served = await serve("--config", "num.partitions=2");
    broker = served.broker;
  });
  afterAll(() => served.dispose());

  const lines = (count: number): string =>
    Array.from({ length: count }, (_, index) => `line ${index}\n`).join("");

  test("creates a topic on first use, with as many partitions as the settings say", async () => {
    await runKcat(broker, ["-P", "-t", "first-use", "-p", "1"], { input: "hello\n" });
    const listed = JSON.parse((await runKcat(broker, ["-L", "-J"])).toString()) as {
      brokers: { id: number; name: string }[];
      controllerid: number;
      topics: {
        topic: string;
        partitions: { partition: number; leader: number; replicas: unknown[]; isrs: unknown[] }[];
      }[];
    };
    expect(listed.brokers.map(({ name }) => name)).toEqual([broker]);
    expect(listed.controllerid).toBe(listed.brokers[0]?.id);
    const topic = listed.topics.find((one) => one.topic === "first-use");
    expect(topic?.partitions.map(({ partition, leader }) => [partition, leader])).toEqual([
      [0, listed.brokers[0]?.id],
      [1, listed.brokers[0]?.id],
    ]);
    expect(topic?.partitions.every(({ replicas, isrs }) => replicas.length === 1 && isrs.length === 1)).toBe(
      true,
    );
  });

  test.each(["0", "1", "all"])("produces with acks=%s", async (acks) => {
    const topic = `acks-${acks}`;
    await runKcat(broker, ["-P", "-t", topic, "-p", "0", "-X", `acks=${acks}`], { input: lines(1000) });
    // Nothing answers acks=0: the end is only known once all has arrived.
    await expect.poll(() => endOf(topic)).toBe(1000n);
    const read = await runKcat(broker, ["-C", "-t", topic, "-p", "0", "-o", "beginning", "-e"]);
    expect(read.toString()).toBe(lines(1000));
  });

  test("finds offsets by timestamp", async () => {
    const target = { broker, topic: "by-time", partition: 0 };
    const record = (text: string) => ({ key: null, value: Buffer.from(text), headers: [] });
    await kcat.produce(target, [record("a"), record("b")], "none");
    await kcat.produce(target, [record("c")], "lz4");
    const [first, , third] = await kcat.consume(target, 0n, 3);
    expect(third?.timestamp).toBeGreaterThan(first?.timestamp ?? 0n);
    const query = async (timestamp: bigint | undefined): Promise<string> =>
      (await runKcat(broker, ["-Q", "-t", `by-time:0:${timestamp}`])).toString().trim();
    expect(await query(first?.timestamp)).toBe("by-time [0] offset 0");
    expect(await query((first?.timestamp ?? 0n) - 60_000n)).toBe("by-time [0] offset 0");
    expect(await query(third?.timestamp)).toBe("by-time [0] offset 2");
    // Later than everything, and Kafka's own words for the two ends.
    expect(await query((third?.timestamp ?? 0n) + 1n)).toBe("by-time [0] offset -1");
    expect(await query(-1n)).toBe("by-time [0] offset 3");
    expect(await query(-2n)).toBe("by-time [0] offset 0");
  });

  test("starts at a timestamp and stops at one", async () => {
    const target = { broker, topic: "between", partition: 0 };
    for (const text of ["a", "b", "c"]) {
      await kcat.produce(target, [{ key: null, value: Buffer.from(text), headers: [] }], "none");
    }
    const [, second, third] = await kcat.consume(target, 0n, 3);
    const range = ["-o", `s@${second?.timestamp}`, "-o", `e@${third?.timestamp}`];
    expect((await runKcat(broker, ["-C", "-t", "between", "-p", "0", ...range])).toString()).toBe("b\n");
  });

  test("a consumer at the end waits, and hears of what is produced later", async () => {
    await runKcat(broker, ["-P", "-t", "waiting", "-p", "0"], { input: "before\n" });
    const waiting = startKcat(broker, ["-C", "-t", "waiting", "-p", "0", "-o", "beginning", "-c", "2", "-u"]);
    await new Promise((resolve) => waiting.child.stdout?.once("data", resolve));
    await runKcat(broker, ["-P", "-t", "waiting", "-p", "0"], { input: "after\n" });
    const { code, stdout } = await waiting.finished;
    expect(code).toBe(0);
    expect(stdout.toString()).toBe("before\nafter\n");
  });

  test("a topic that is not there is an error when topics are not created by use", async () => {
    const strict = await serve("--config", "auto.create.topics.enable=false");
    try {
      const args = ["-P", "-t", "nowhere", "-p", "0", "-X", "topic.metadata.propagation.max.ms=500"];
      const { code, stderr } = await startKcat(strict.broker, args, { input: "x\n" }).finished;
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/unknown topic|unknown partition/i);
    } finally {
      await strict.dispose();
    }
  });

  async function endOf(topic: string): Promise<bigint> {
    const said = (await runKcat(broker, ["-Q", "-t", `${topic}:0:-1`])).toString();
    return BigInt(/offset (-?\d+)/.exec(said)?.[1] ?? "-1");
  }
});
