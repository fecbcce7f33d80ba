import { createConnection } from "node:net";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apiVersions } from "../../wire/apis/api-versions.ts";
import { createTopics } from "../../wire/apis/create-topics.ts";
import { describeConfigs } from "../../wire/apis/describe-configs.ts";
import { metadata } from "../../wire/apis/metadata.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { fetch } from "../../wire/apis/fetch.ts";
import { framePrefix } from "../../wire/frame-reader.ts";
import { createTopic, fetchFrom, produceTo, batchOf } from "./batches.ts";
import { ProtocolClient } from "./protocol-client.ts";
import { startTestGateway, type TestGateway } from "./start-gateway.ts";

let gateway: TestGateway;
let client: ProtocolClient;
/** About what fits into one chunk that a socket gives. */
const COUNT = 4000;

beforeAll(async () => {
  gateway = await startTestGateway();
  client = await ProtocolClient.tcp(gateway.kafkaPort);
});
afterAll(async () => {
  await client.close();
  await gateway.stop();
});

describe("an answer that is far larger than its request", () => {
  it("does not describe a topic with many partitions as often as a request repeats its name", async () => {
    const id = await createTopic(client, "wide", 5);
    const repeated = Array.from({ length: 50 }, () => [{ name: "wide" }, { name: "absent" }]).flat();
    const byName = await client.request(metadata, 9, { topics: repeated, allowAutoTopicCreation: false });
    expect(byName.topics.map(({ name }) => name)).toEqual(["wide", "absent"]);
    const byId = await client.request(metadata, 12, {
      topics: Array.from({ length: 50 }, () => ({ name: null, topicId: id })),
    });
    expect(byId.topics.map(({ topicId }) => topicId)).toEqual([id]);
  });

  it("does not describe the settings of one resource as often as a request repeats it", async () => {
    const resources = Array.from({ length: 50 }, () => ({
      resourceType: 4,
      resourceName: "1",
      configurationKeys: null,
    }));
    const { results } = await client.request(describeConfigs, 4, {
      resources: [...resources, { resourceType: 4, resourceName: "", configurationKeys: null }],
    });
    expect(results.map(({ errorCode }) => errorCode)).toEqual([
      ErrorCode.NONE,
      ...Array.from({ length: 49 }, () => ErrorCode.INVALID_REQUEST),
      ErrorCode.NONE,
    ]);
    expect(results.at(-1)?.configs).toEqual([]);
  });

  it("does not tell the settings of more new topics than one request may make", async () => {
    const topics = Array.from({ length: 10_001 }, (_, at) => ({
      name: `t${at}`,
      numPartitions: 1,
      replicationFactor: -1,
      assignments: [],
      configs: [],
    }));
    const other = await ProtocolClient.tcp(gateway.kafkaPort);
    const asked = other.request(createTopics, 7, { topics, timeoutMs: 1000, validateOnly: true });
    await expect(asked).rejects.toThrow("closed");
  });
});

describe("thousands of requests in one packet", () => {
  it("does not run out of stack in the middle of an append behind them", async () => {
    await createTopic(client, "deep");
    // Answered at once, all of them when the Fetch before them has been.
    const { message } = client.encode(apiVersions, 0, {});
    const socket = createConnection({ port: gateway.kafkaPort, host: "127.0.0.1" });
    await once(socket, "connect");
    const received: number[] = [];
    let gathered = Buffer.alloc(0);
    const answers = new Promise<void>((resolve, reject) => {
      socket.on("close", () => reject(new Error(`closed after ${received.length} answers`)));
      socket.on("data", (chunk) => {
        gathered = Buffer.concat([gathered, chunk]);
        while (gathered.length >= 4 && gathered.length >= 4 + gathered.readInt32BE(0)) {
          received.push(gathered.readInt32BE(4));
          gathered = gathered.subarray(4 + gathered.readInt32BE(0));
        }
        if (received.length === COUNT + 1) resolve();
      });
    });
    const fetching = client.encode(fetch, 12, {
      maxWaitMs: 300,
      minBytes: 1,
      maxBytes: 1,
      topics: [{ topic: "deep", partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1 }] }],
    }).message;
    const many = Array.from({ length: COUNT }, () => [framePrefix(message.byteLength), message]);
    socket.write(Buffer.concat([framePrefix(fetching.byteLength), fetching, ...many.flat()]));
    await answers;
    socket.removeAllListeners("close");
    socket.destroy();
    expect(gateway.logged.filter(({ level }) => level === "error")).toEqual([]);
    expect((await produceTo(client, "deep", batchOf(["a"]))).errorCode).toBe(ErrorCode.NONE);
    expect((await fetchFrom(client, "deep", 0n)).values).toEqual(["0 a"]);
  });
});

describe("a Fetch that asks for more than it may get", () => {
  const record = (letter: string): Uint8Array => batchOf([letter.repeat(1000)]);

  it("is answered with what fits, and does not wait for bytes that it has no room for", async () => {
    await createTopic(client, "greedy");
    for (const letter of ["a", "b", "c"]) await produceTo(client, "greedy", record(letter));
    const bounds = [
      { minBytes: 2000, maxBytes: 2000 },
      { minBytes: 5000, partitionMaxBytes: 1500 },
      { minBytes: 2 ** 30, maxBytes: 1500 },
    ];
    for (const bound of bounds) {
      const answer = await fetchFrom(client, "greedy", 0n, { maxWaitMs: 25_000, ...bound });
      expect(answer.values).toEqual([`0 ${"a".repeat(1000)}`]);
    }
  }, 10_000);

  it("does not wait at the end of a segment when the next one has what it asks for", async () => {
    const config = { name: "segment.bytes", value: "1500" };
    const topic = {
      name: "rolled",
      numPartitions: 1,
      replicationFactor: 1,
      assignments: [],
      configs: [config],
    };
    await client.request(createTopics, 7, { topics: [topic], timeoutMs: 1000, validateOnly: false });
    for (const letter of ["a", "b", "c"]) await produceTo(client, "rolled", record(letter));
    const answer = await fetchFrom(client, "rolled", 0n, { maxWaitMs: 25_000, minBytes: 2000 });
    expect(answer.values).toEqual([`0 ${"a".repeat(1000)}`]);
  }, 10_000);
});
