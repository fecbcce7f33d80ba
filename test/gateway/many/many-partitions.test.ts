/** Thousands of partitions in one real gateway: made, written, killed, and there again. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { shareDescriptors } from "../../../gateway/open-files.ts";
import { fetch } from "../../../wire/apis/fetch.ts";
import { metadata } from "../../../wire/apis/metadata.ts";
import { produce } from "../../../wire/apis/produce.ts";
import { batchOf, createTopic, valuesOf } from "../batches.ts";
import { ProtocolClient } from "../protocol-client.ts";
import { spawnGateway, type SpawnedGateway } from "../spawn-gateway.ts";

const TOPICS = 20;
const PARTITIONS_EACH = 100;
const DESCRIPTORS = 1024;
const names = Array.from({ length: TOPICS }, (_, at) => `many-${at}`);

let directory: string;
let gateway: SpawnedGateway | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "rivulet-many-"));
});
afterEach(async () => {
  await gateway?.kill("SIGKILL");
  await rm(directory, { recursive: true });
});

test(
  "2,000 partitions keep what was acknowledged through kill -9, and a bounded number of files open",
  { timeout: 240_000 },
  async () => {
    const args = ["--data-dir", join(directory, "data")];
    const inside =
      process.platform === "win32" ? [] : ["sh", "-c", `ulimit -n ${DESCRIPTORS}; exec "$@"`, "sh"];
    gateway = await spawnGateway(args, {}, inside);
    const before = await ProtocolClient.tcp(gateway.kafkaPort);
    for (const name of names) {
      await createTopic(before, name, PARTITIONS_EACH);
      const partitionData = Array.from({ length: PARTITIONS_EACH }, (_, index) => ({
        index,
        records: batchOf([`${name} ${index}`]),
      }));
      const body = { acks: -1, timeoutMs: 60_000, topicData: [{ name, partitionData }] };
      const { responses } = await before.request(produce, 9, body);
      expect(responses[0]?.partitionResponses.filter(({ errorCode }) => errorCode !== 0)).toEqual([]);
    }
    await gateway.kill("SIGKILL");

    gateway = await spawnGateway(args, {}, inside);
    const after = await ProtocolClient.tcp(gateway.kafkaPort);
    const { topics } = await after.request(metadata, 9, { topics: null });
    const led = topics.flatMap(({ partitions }) => partitions).filter(({ leaderId }) => leaderId >= 0);
    expect(led).toHaveLength(TOPICS * PARTITIONS_EACH);
    let read = 0;
    for (const topic of names) {
      const partitions = Array.from({ length: PARTITIONS_EACH }, (_, partition) => ({
        partition,
        fetchOffset: 0n,
        partitionMaxBytes: 1000,
      }));
      const body = { maxWaitMs: 0, minBytes: 1, maxBytes: 2 ** 20, topics: [{ topic, partitions }] };
      const { responses } = await after.request(fetch, 12, body);
      for (const { partitionIndex, records } of responses[0]?.partitions ?? []) {
        expect(valuesOf(records ?? new Uint8Array(0))).toEqual([`0 ${topic} ${partitionIndex}`]);
        read++;
      }
    }
    expect(read).toBe(TOPICS * PARTITIONS_EACH);
    if (process.platform === "linux") {
      const open = await readdir(`/proc/${gateway.process.pid}/fd`);
      expect(open.length).toBeLessThan(shareDescriptors(DESCRIPTORS).files + 100);
    }
    const { code } = await gateway.kill("SIGTERM");
    expect(code).toBe(0);
  },
);
