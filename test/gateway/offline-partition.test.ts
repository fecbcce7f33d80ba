/** What clients are told of a partition whose files are damaged, while everything else is served. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deleteRecords } from "../../wire/apis/delete-records.ts";
import { deleteTopics } from "../../wire/apis/delete-topics.ts";
import { listOffsets } from "../../wire/apis/list-offsets.ts";
import { metadata } from "../../wire/apis/metadata.ts";
import { offsetForLeaderEpoch } from "../../wire/apis/offset-for-leader-epoch.ts";
import { subscribe } from "../../wire/apis/subscribe.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { batchOf, createTopic, fetchFrom, produceTo } from "./batches.ts";
import { ProtocolClient } from "./protocol-client.ts";
import { startTestGateway, type TestGateway } from "./start-gateway.ts";

let dataDir: string;
let topicId: string;
let gateway: TestGateway;
let client: ProtocolClient;

const log = (): string => join(dataDir, "orders-0", "00000000000000000000.log");

async function restart(change: () => Promise<void>): Promise<void> {
  await client.close();
  await gateway.stop();
  await change();
  gateway = await startTestGateway({ dataDir });
  client = await ProtocolClient.webSocket(gateway.httpPort);
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "rivulet-offline-"));
  gateway = await startTestGateway({ dataDir });
  client = await ProtocolClient.webSocket(gateway.httpPort);
  topicId = await createTopic(client, "orders", 2);
  for (const partition of [0, 1])
    for (const value of ["a", "b"]) await produceTo(client, "orders", batchOf([value]), { partition });
});
afterAll(async () => {
  await client.close();
  await gateway.stop();
  await rm(dataDir, { recursive: true, force: true });
});

describe("a damaged partition", () => {
  it("is told of everywhere, and the others are served", async () => {
    const sound = await readFile(log());
    const damaged = Uint8Array.from(sound);
    damaged[65] = (damaged[65] ?? 0) ^ 1;
    await restart(async () => {
      await writeFile(log(), damaged);
      await rm(join(dataDir, ".kafka_cleanshutdown"));
    });
    const { topics } = await client.request(metadata, 12, { topics: [{ name: "orders" }] });
    expect(topics[0]?.errorCode).toBe(ErrorCode.NONE);
    expect(topics[0]?.partitions).toMatchObject([
      { errorCode: ErrorCode.LEADER_NOT_AVAILABLE, leaderId: -1, offlineReplicas: [1], replicaNodes: [1] },
      { errorCode: ErrorCode.NONE, leaderId: 1, offlineReplicas: [] },
    ]);
    const told = await produceTo(client, "orders", batchOf(["c"]));
    expect(told.errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(told.errorMessage).toContain("00000000000000000000.log is damaged at byte 0");
    expect((await fetchFrom(client, "orders", 0n)).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    const storageError = { errorCode: ErrorCode.KAFKA_STORAGE_ERROR };
    const listed = await client.request(listOffsets, 7, {
      replicaId: -1,
      topics: [{ name: "orders", partitions: [{ partitionIndex: 0, timestamp: -1n }] }],
    });
    expect(listed.topics[0]?.partitions[0]).toMatchObject(storageError);
    const ends = await client.request(offsetForLeaderEpoch, 4, {
      replicaId: -1,
      topics: [{ topic: "orders", partitions: [{ partition: 0, leaderEpoch: 0 }] }],
    });
    expect(ends.topics[0]?.partitions[0]).toMatchObject(storageError);
    const deleted = await client.request(deleteRecords, 2, {
      topics: [{ name: "orders", partitions: [{ partitionIndex: 0, offset: -1n }] }],
      timeoutMs: 1000,
    });
    expect(deleted.topics[0]?.partitions[0]).toMatchObject(storageError);
    const { subscriptions } = await client.request(subscribe, 0, {
      subscriptions: [{ topicId, partition: 0, offset: 0n, lastEpoch: -1 }],
    });
    expect(subscriptions[0]).toMatchObject(storageError);
    expect(subscriptions[0]?.errorMessage).toContain("restart of the node");
    const http = `http://127.0.0.1:${gateway.httpPort}`;
    const health = await fetch(`${http}/healthz`);
    expect(health.status).toBe(503);
    expect(await health.json()).toMatchObject({
      fenced: [{ topic: "orders", partition: 0, reason: told.errorMessage }],
    });
    expect((await fetch(`${http}/log/${topicId}/0?from=0`)).status).toBeGreaterThanOrEqual(500);
    expect(await produceTo(client, "orders", batchOf(["c"]), { partition: 1 })).toMatchObject({
      errorCode: 0,
      baseOffset: 2n,
    });
    expect(gateway.logged.filter(({ level }) => level === "error")).toHaveLength(1);

    await restart(() => writeFile(log(), sound));
    expect((await fetchFrom(client, "orders", 0n)).values).toEqual(["0 a", "1 b"]);
    expect(await produceTo(client, "orders", batchOf(["c"]))).toMatchObject({ errorCode: 0, baseOffset: 2n });
  });

  it("goes when its topic is deleted", async () => {
    await restart(() => writeFile(log(), Uint8Array.of(1, 2, 3)));
    const { responses } = await client.request(deleteTopics, 5, { topicNames: ["orders"], timeoutMs: 1000 });
    expect(responses).toMatchObject([{ errorCode: 0 }]);
    await createTopic(client, "orders");
    expect(await produceTo(client, "orders", batchOf(["new"]))).toMatchObject({
      errorCode: 0,
      baseOffset: 0n,
    });
  });
});
