import { afterAll, beforeAll, expect, test } from "vitest";
import { runKafkaTool } from "../tools/kafka-tools.ts";
import { describeWith } from "../tools/require-tool.ts";
import { runKcat } from "./clients/kcat.ts";
import { serve, type Served } from "./served.ts";

const PARTITIONS = 300;
const RECORDS = 6000;
const HANDLER = "org.apache.kafka.clients.FetchSessionHandler";

describeWith(["kcat", "kafka-tools"], "a topic of many partitions", () => {
  let served: Served;
  beforeAll(async () => {
    served = await serve("--config", `num.partitions=${PARTITIONS}`);
  });
  afterAll(() => served.dispose());

  test("is read through fetch sessions by a Java consumer, and without by kcat", async () => {
    const lines = Array.from({ length: RECORDS }, (_, n) => `key ${n}:value ${n} ${"v".repeat(n % 300)}`);
    const produce = ["-P", "-t", "many", "-K", ":", "-X", "enable.idempotence=true"];
    await runKcat(served.broker, produce, { input: `${lines.join("\n")}\n` });
    const expected = lines.map((line) => line.slice(line.indexOf(":") + 1)).toSorted();

    const properties = [
      // Far less than there is, so that partitions take turns.
      "fetch.max.bytes=20000",
      "max.partition.fetch.bytes=2000",
      "enable.auto.commit=false",
      "isolation.level=read_committed",
    ];
    const args = ["--bootstrap-server", served.broker, "--topic", "many", "--from-beginning"];
    const { code, stdout, stderr } = await runKafkaTool(
      "org.apache.kafka.tools.consumer.ConsoleConsumer",
      [
        ...args,
        "--max-messages",
        String(RECORDS),
        ...properties.flatMap((property) => ["--command-property", property]),
      ],
      { env: { JDK_JAVA_OPTIONS: `-Dorg.slf4j.simpleLogger.log.${HANDLER}=debug` } },
    );
    expect(code, stderr.slice(-2000)).toBe(0);
    expect(stdout.toString().trimEnd().split("\n").toSorted()).toEqual(expected);
    // What the client says of the sessions: one was begun, and went on without an error.
    expect(stderr).toMatch(/sent a full fetch response that created a new incremental fetch session \d+/);
    const incremental = stderr.match(/sent an incremental fetch response with throttleTimeMs = 0/g) ?? [];
    expect(incremental.length).toBeGreaterThan(10);
    expect(stderr).not.toMatch(/unable to process the fetch request|sent an invalid/);

    const read = await runKcat(served.broker, ["-C", "-t", "many", "-o", "beginning", "-e", "-q"]);
    expect(read.toString().trimEnd().split("\n").toSorted()).toEqual(expected);
  });
});
