import { parseRecords, produceWithKcat, RECORD_FORMAT, runKcat } from "../../clients/kcat.ts";
import { run } from "../../../tools/run-process.ts";
import type { ReadRecord } from "../../clients/client.ts";
import type { Client, ClientKind, Lack } from "../client.ts";
import { parseMember } from "../member-line.ts";

/** kcat produces, consumes, lists and queries, and that is all. */
const NO_ADMIN: Lack = {
  why: "has no calls that change topics: a topic is created by its first use",
  async holds() {
    const { stdout, stderr } = await run("kcat", ["-h"]);
    return /^ +-C \| -P \| -L \| -Q +Mode: /m.test(`${stdout.toString()}${stderr}`);
  },
};

export const kcatKind: ClientKind = {
  name: "kcat",
  needs: ["kcat"],
  install: () => Promise.resolve(""),
  connect: (broker): Client => ({
    // With -E it goes on when a connection breaks, as librdkafka does.
    write: (topic, codec, batches) =>
      produceWithKcat({ broker, topic, partition: 0 }, batches.flat(), codec, "-E"),

    async read(topics, count) {
      const options = ["-X", "auto.offset.reset=earliest", "-c", String(count), "-f", RECORD_FORMAT];
      return parse(await runKcat(broker, ["-G", "kcat-read", ...options, ...topics]), count);
    },

    async readFrom(topic, timestampMs, count) {
      const range = ["-o", `s@${timestampMs}`, "-c", String(count), "-e", "-f", RECORD_FORMAT];
      return parse(await runKcat(broker, ["-C", "-t", topic, "-p", "0", ...range]), count);
    },

    member(topic, group) {
      const settings = {
        "auto.offset.reset": "earliest",
        "auto.commit.interval.ms": "100",
        "session.timeout.ms": "10000",
        "heartbeat.interval.ms": "500",
      };
      const options = Object.entries(settings).flatMap(([name, value]) => ["-X", `${name}=${value}`]);
      const args = ["-b", broker, "-G", group, "-u", "-f", "%p %o %s\n", ...options, topic];
      return { command: "kcat", args, parse: parseMember };
    },

    topics: NO_ADMIN,
    configs: NO_ADMIN,
    deleteRecords: NO_ADMIN,
    close: () => Promise.resolve(),
  }),
};

function parse(output: Buffer, count: number): ReadRecord[] {
  const records = parseRecords(output);
  if (records.length !== count) throw new Error(`kcat has read ${records.length} records, not ${count}`);
  return records;
}
