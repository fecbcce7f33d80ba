/** Clients that send or read too slowly cost little, harm nobody, and are let go in the end. */
import { connect } from "node:net";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { AnswerMemory } from "../../gateway/api/answer-memory.ts";
import { FetchSessions } from "../../gateway/api/fetch-sessions.ts";
import { ApiTable } from "../../gateway/api/table.ts";
import type { Services } from "../../gateway/api/context.ts";
import { Lifetime } from "../../gateway/api/lifetime.ts";
import { ConnectionQuota } from "../../gateway/clients/connection-quota.ts";
import { GroupCoordinator } from "../../gateway/coordinator/group-coordinator.ts";
import { dataDirectory } from "../../gateway/data-directory.ts";
import { FileStore } from "../../gateway/store/file-store.ts";
import { systemClock } from "../../gateway/system-clock.ts";
import { listenTcp } from "../../gateway/tcp-listener.ts";
import { brokerConfig } from "../../log/config.ts";
import { Cluster } from "../../log/cluster.ts";
import { silent } from "../../log/logger.ts";
import { apiVersions } from "../../wire/apis/api-versions.ts";
import { fetch } from "../../wire/apis/fetch.ts";
import { metadataCodec } from "../../wire/metadata-records.ts";
import { decodeResponse } from "../../wire/response.ts";
import { loadEngine } from "../engine/load.ts";
import { batchOf, createTopic, fetchFrom, produceTo } from "./batches.ts";
import { ProtocolClient } from "./protocol-client.ts";
import { realFiles } from "./real-files.ts";
import { freshMemory } from "../../wire/frame-reader.ts";
import { startTestGateway, type TestGateway } from "./start-gateway.ts";

const MIB = 1024 * 1024;

describe("a client that sends slowly", () => {
  it("is closed when its request does not arrive in time; one that sends whole requests is not", async () => {
    const answerMemory = new AnswerMemory(MIB);
    const services = {
      log: silent,
      clock: systemClock,
      running: new Lifetime(),
      answerMemory,
      messages: freshMemory,
    } as unknown as Services;
    const listener = await listenTcp({
      host: "127.0.0.1",
      port: 0,
      services,
      apis: new ApiTable({ push: false }),
      quota: new ConnectionQuota({ max: 1000, reason: "a test", log: silent, elapsedMs: () => 0 }),
      requestBytesMax: MIB,
      profile: (port) => ({ name: "kafka", advertised: { host: "h", port }, fetchBytesMax: MIB }),
      arrivalMs: 300,
    });
    const steady = await ProtocolClient.tcp(listener.port);
    const slow = connect({ port: listener.port, host: "127.0.0.1" });
    slow.on("error", () => {});
    slow.write(Uint8Array.of(0, 0, 1, 0));
    const drip = setInterval(() => {
      slow.write("x");
      void steady.request(apiVersions, 0, {});
    }, 50);
    await new Promise<void>((resolve) => slow.once("close", () => resolve()));
    clearInterval(drip);
    expect(steady.isClosed).toBe(false);
    expect((await steady.request(apiVersions, 0, {})).errorCode).toBe(0);
    expect(listener.connections).toBe(1);
    await steady.close();
    await listener.close();
  });
});

describe("a client that does not read", () => {
  let gateway: TestGateway;
  let producer: ProtocolClient;
  beforeAll(async () => {
    gateway = await startTestGateway();
    producer = await ProtocolClient.tcp(gateway.kafkaPort);
    await createTopic(producer, "t");
    const value = Buffer.alloc(MIB - 1000, "v");
    for (let n = 0; n < 8; n++) await produceTo(producer, "t", batchOf([value]), { acks: 1 });
    await fetchFrom(producer, "t", 7n, { maxWaitMs: 10_000 });
  });
  afterAll(async () => {
    await producer.close();
    await gateway.stop();
  });

  it.each([
    ["TCP", () => ProtocolClient.tcp(gateway.kafkaPort), 8],
    ["WebSocket", () => ProtocolClient.webSocket(gateway.httpPort), 4],
  ])(
    "over %s holds up its own answers only, and gets all of them when it reads again",
    async (_transport, open, batches) => {
      const client = await open();
      await client.request(apiVersions, 0, {});
      client.pause();
      const before = memory();
      // 60 answers of 8 MiB, or as much as one may have.
      const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 64 * MIB }];
      const answers = Array.from({ length: 60 }, () => {
        const { correlationId, message } = client.encode(fetch, 12, {
          maxWaitMs: 0,
          minBytes: 1,
          maxBytes: 64 * MIB,
          topics: [{ topic: "t", partitions }],
        });
        client.send(message);
        return client.expect(correlationId).then((bytes) => {
          const records = decodeResponse(fetch, 12, bytes).body.responses[0]?.partitions[0]?.records;
          return Math.round((records?.byteLength ?? 0) / MIB);
        });
      });
      for (let n = 0; n < 20; n++) await fetchFrom(producer, "t", 7n);
      expect(memory() - before).toBeLessThan(150 * MIB);
      client.resume();
      expect(await Promise.all(answers)).toEqual(Array.from({ length: 60 }, () => batches));
      await client.close();
    },
  );
});

/** Bytes of buffers, ours and the client's. */
function memory(): number {
  const { arrayBuffers, external } = process.memoryUsage();
  return arrayBuffers + external;
}

describe("clients that take nothing of large answers", () => {
  it("share what answers may take, give it back, and are let go when they go on so", async () => {
    const directory = await mkdtemp(join(tmpdir(), "rivulet-test-"));
    const store = await FileStore.open(directory, realFiles);
    const cluster = await Cluster.open({
      store,
      engine: loadEngine(),
      clock: systemClock,
      codec: metadataCodec,
      random: () => new Uint8Array(randomBytes(16)),
      config: brokerConfig(new Map()),
    });
    const random = (): Uint8Array => new Uint8Array(randomBytes(16));
    const groups = new GroupCoordinator({
      cluster,
      engine: loadEngine(),
      clock: systemClock,
      random,
      log: silent,
    });
    const answerMemory = new AnswerMemory(64 * MIB);
    const logged: string[] = [];
    const log = { ...silent, warn: (message: string): void => void logged.push(message) };
    const listener = await listenTcp({
      host: "127.0.0.1",
      port: 0,
      services: {
        cluster,
        log,
        clock: systemClock,
        running: new Lifetime(),
        answerMemory,
        fetchSessions: new FetchSessions({ cluster, clock: systemClock, random, slots: 10 }),
        giveBack: () => {},
        messages: freshMemory,
        groups,
        dataDirectory: dataDirectory(directory),
      },
      apis: new ApiTable({ push: false }),
      quota: new ConnectionQuota({ max: 1000, reason: "a test", log: silent, elapsedMs: () => 0 }),
      requestBytesMax: 2 * MIB,
      profile: (port) => ({ name: "kafka", advertised: { host: "h", port }, fetchBytesMax: 64 * MIB }),
      idleMs: 700,
    });
    const producer = await ProtocolClient.tcp(listener.port);
    await createTopic(producer, "t");
    const value = Buffer.alloc(MIB - 1000, "v");
    for (let n = 0; n < 24; n++) await produceTo(producer, "t", batchOf([value]));
    const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 64 * MIB }];
    const wanted = { maxWaitMs: 0, minBytes: 1, maxBytes: 64 * MIB, topics: [{ topic: "t", partitions }] };
    const idle: ProtocolClient[] = [];
    for (let n = 0; n < 20; n++) {
      const client = await ProtocolClient.tcp(listener.port);
      client.pause();
      client.send(client.encode(fetch, 12, wanted).message);
      idle.push(client);
    }
    // One who reads gets on all the while, with less.
    const answer = await fetchFrom(producer, "t", 0n, { partitionMaxBytes: 64 * MIB });
    expect(answer.values.length).toBeGreaterThan(0);
    expect(answerMemory.inUse).toBeGreaterThan(8 * MIB);
    expect(answerMemory.inUse).toBeLessThan((64 + 20) * MIB);
    // Small answers are in the kernel's hands by now; whoever holds a large one here is closed.
    await vi.waitFor(() => expect(answerMemory.inUse).toBe(0), 20_000);
    expect(logged.some((message) => message.includes("of answers were not taken"))).toBe(true);
    await Promise.all(idle.map((client) => client.close()));
    await producer.close();
    await listener.close();
    await cluster.close();
    await store.close();
    await rm(directory, { recursive: true });
  });
});
