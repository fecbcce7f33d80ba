/** The bench against Apache Kafka in its small mode, so that it cannot rot. Counts and hashes only. */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { kafkaBench } from "../../bench/kafka/kafka.ts";
import { describeWith } from "../tools/require-tool.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Two servers and a client, two of them Java, on a machine that may do other things. */
const TIMEOUT_MS = 600_000;

describeWith(["kafka-tools", "jdk"], "the bench against Kafka", () => {
  test(
    "measures every way of both servers, and both give the same records back",
    async () => {
      const report = await kafkaBench({ mode: "small", seed: 20_260_105, root, scripts: "" });
      expect(report.counts).toEqual({
        "records produced": 9200,
        "records read": 4000,
        "records timed": 960,
      });
      expect(report.hash).toBe("fe5091e50c2a");
      expect(
        report.tables.map(({ title, cases }) => [title, cases.map(({ results }) => results.length)]),
      ).toEqual([
        ["produce, acks=1", [3, 3]],
        ["produce, acks=all", [3, 3]],
        ["consume", [2, 2]],
        ["end to end, acks=1, 500 records/s", [3, 3]],
        ["end to end, acks=all, 500 records/s", [3, 3]],
        ["the server's process", [2]],
      ]);
      for (const { title, metrics, cases } of report.tables)
        for (const { metrics: measured } of cases.flatMap(({ results }) => results))
          expect(Object.keys(measured), title).toEqual(expect.arrayContaining([...metrics]));
    },
    TIMEOUT_MS,
  );
});
