/** What this engine compresses, each client's own decompressor reads: what a browser writes is served to them as it is. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { CODEC_GZIP, CODEC_LZ4, CODEC_SNAPPY, CODEC_ZSTD } from "../../engine-as/format.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { Random } from "../engine/random.ts";
import { batchOf, createTopic, produceTo } from "../gateway/batches.ts";
import { ProtocolClient } from "../gateway/protocol-client.ts";
import { runKafkaTool } from "../tools/kafka-tools.ts";
import { describeWith } from "../tools/require-tool.ts";
import { kcat } from "./clients/kcat.ts";
import { platformatic } from "./clients/platformatic.ts";
import { serve, type Served } from "./served.ts";

// platformatic's reads no frame of snappy-java's, whoever wrote it, and Zstandard on newer Node only.
const CODECS = [
  ["gzip", CODEC_GZIP, [kcat, platformatic]],
  ["snappy", CODEC_SNAPPY, [kcat]],
  ["lz4", CODEC_LZ4, [kcat, platformatic]],
  ["zstd", CODEC_ZSTD, [kcat]],
] as const;

/** One short batch, and one of 700 KB: many blocks, some of which do not get smaller. */
function batches(): string[][] {
  const random = new Random(11);
  const noise = (length: number): string => Buffer.from(random.bytes(length)).toString("base64");
  const long = Array.from({ length: 700 }, (_, index) =>
    index % 7 === 0 ? noise(1500) : `line ${index} ${"äß🦀".repeat(index % 90)}`,
  );
  return [["a", "b"], long, [noise(90_000)]];
}

describeWith(["kcat", "kafka-tools"], "batches that this engine compressed", () => {
  let served: Served;
  let client: ProtocolClient;
  beforeAll(async () => {
    served = await serve();
    client = await ProtocolClient.tcp(Number(served.broker.split(":")[1]));
  });
  afterAll(async () => {
    await client.close();
    await served.dispose();
  });

  test.each(CODECS)("with %s are read by Java's consumer and by others", async (name, codec, readers) => {
    const topic = `engine-${name}`;
    await createTopic(client, topic);
    const written = batches();
    for (const values of written) {
      const answer = await produceTo(client, topic, batchOf(values, undefined, codec));
      expect(answer.errorCode).toBe(ErrorCode.NONE);
    }
    const lines = written.flat();
    for (const reader of readers) {
      const read = await reader.consume({ broker: served.broker, topic, partition: 0 }, 0n, lines.length);
      expect(
        firstOther(
          read.map(({ value }) => value?.toString() ?? ""),
          lines,
        ),
        reader.name,
      ).toBe(-1);
    }
    const { broker } = served;
    const from = ["--bootstrap-server", broker, "--topic", topic, "--partition", "0", "--offset", "earliest"];
    const alone = ["--max-messages", `${lines.length}`, "--command-property", "enable.auto.commit=false"];
    const java = await runKafkaTool("org.apache.kafka.tools.consumer.ConsoleConsumer", [...from, ...alone]);
    expect(java.code, java.stderr).toBe(0);
    expect(firstOther(java.stdout.toString().split("\n").slice(0, -1), lines), "Java").toBe(-1);
  });
});

/** The first line that is another; -1. */
function firstOther(found: readonly string[], lines: readonly string[]): number {
  if (found.length !== lines.length) return Math.min(found.length, lines.length);
  return found.findIndex((line, at) => line !== lines[at]);
}
