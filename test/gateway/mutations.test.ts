/**
 * Random damage to valid requests, over both transports: whatever arrives, the gateway goes on serving everybody else.
 * RIVULET_MUTATIONS says how many (5,000), RIVULET_SEED repeats a run.
 */
import { connect } from "node:net";
import { WebSocket } from "ws";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Api } from "../../wire/api.ts";
import { apiVersions } from "../../wire/apis/api-versions.ts";
import { createPartitions } from "../../wire/apis/create-partitions.ts";
import { createTopics } from "../../wire/apis/create-topics.ts";
import { deleteRecords } from "../../wire/apis/delete-records.ts";
import { deleteTopics } from "../../wire/apis/delete-topics.ts";
import { describeCluster } from "../../wire/apis/describe-cluster.ts";
import { describeConfigs } from "../../wire/apis/describe-configs.ts";
import { fetch } from "../../wire/apis/fetch.ts";
import { findCoordinator } from "../../wire/apis/find-coordinator.ts";
import { initProducerId } from "../../wire/apis/init-producer-id.ts";
import { listOffsets } from "../../wire/apis/list-offsets.ts";
import { metadata } from "../../wire/apis/metadata.ts";
import { offsetForLeaderEpoch } from "../../wire/apis/offset-for-leader-epoch.ts";
import { produce } from "../../wire/apis/produce.ts";
import { subscribe } from "../../wire/apis/subscribe.ts";
import { unsubscribe } from "../../wire/apis/unsubscribe.ts";
import { framePrefix } from "../../wire/frame-reader.ts";
import { encodeRequest } from "../../wire/request.ts";
import type { Input } from "../../wire/schema.ts";
import { batchOf, createTopic, fetchFrom, produceTo } from "./batches.ts";
import { ProtocolClient } from "./protocol-client.ts";
import { startTestGateway, type TestGateway } from "./start-gateway.ts";

const MUTATIONS = Number(process.env["RIVULET_MUTATIONS"] ?? 5000);
const SEED = Number(process.env["RIVULET_SEED"] ?? Date.now() % 2 ** 31);
/** How long one damaged request may keep us waiting: it may have become a Fetch that waits for days. */
const PATIENCE_MS = 100;
const AT_ONCE = 16;

let gateway: TestGateway;
let client: ProtocolClient;
let topicId: string;

beforeAll(async () => {
  // Names that are damaged would otherwise become topics.
  gateway = await startTestGateway({ args: ["--config", "auto.create.topics.enable=false"] });
  client = await ProtocolClient.tcp(gateway.kafkaPort);
  topicId = await createTopic(client, "t", 2);
  await createTopic(client, "untouched");
  await produceTo(client, "untouched", batchOf(["a", "b", "c"]));
});
afterAll(async () => {
  await client.close();
  await gateway.stop();
  // Damage may have made topics with thousands of partitions, which take their time to close.
}, 120_000);

/** A valid request in each version of its API. */
function versions<Req, Res>(api: Api<Req, Res>, body: Input<Req>): Uint8Array[] {
  return Array.from({ length: api.maxVersion - api.minVersion + 1 }, (_, index) =>
    encodeRequest(api, api.minVersion + index, { correlationId: 1, clientId: "mutant" }, body),
  );
}

function validRequests(): Uint8Array[] {
  const records = batchOf(["one", "two"]);
  const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1000 }];
  const configs = [{ name: "retention.ms", value: "1" }];
  const creatable = { name: "new", numPartitions: 1, replicationFactor: 1, assignments: [], configs };
  return [
    ...versions(apiVersions, { clientSoftwareName: "a", clientSoftwareVersion: "1" }),
    ...versions(metadata, { topics: [{ name: "t" }], allowAutoTopicCreation: false }),
    ...versions(produce, {
      acks: -1,
      timeoutMs: 1,
      topicData: [{ name: "t", partitionData: [{ index: 1, records }] }],
    }),
    ...versions(fetch, {
      maxWaitMs: 1,
      minBytes: 1,
      maxBytes: 1000,
      topics: [{ topic: "t", topicId, partitions }],
    }),
    ...versions(listOffsets, {
      replicaId: -1,
      topics: [{ name: "t", partitions: [{ partitionIndex: 0, timestamp: -1n }] }],
    }),
    ...versions(createTopics, { topics: [creatable], timeoutMs: 1, validateOnly: true }).slice(1),
    ...versions(createPartitions, {
      topics: [{ name: "t", count: 3, assignments: null }],
      timeoutMs: 1,
      validateOnly: true,
    }),
    ...versions(deleteTopics, { topics: [{ name: "nowhere" }], topicNames: ["nowhere"], timeoutMs: 1 }),
    ...versions(deleteRecords, {
      topics: [{ name: "t", partitions: [{ partitionIndex: 0, offset: 0n }] }],
      timeoutMs: 1,
    }),
    ...versions(initProducerId, { transactionalId: null, transactionTimeoutMs: 1 }),
    ...versions(findCoordinator, { key: "g", keyType: 0, coordinatorKeys: ["g"] }),
    ...versions(offsetForLeaderEpoch, {
      topics: [{ topic: "t", partitions: [{ partition: 0, leaderEpoch: 0 }] }],
    }),
    ...versions(describeCluster, {}),
    ...versions(describeConfigs, {
      resources: [{ resourceType: 2, resourceName: "t", configurationKeys: null }],
    }),
    ...versions(subscribe, { subscriptions: [{ topicId, partition: 0, offset: 0n }] }),
    ...versions(unsubscribe, { subscriptions: [{ topicId, partition: 0 }] }),
  ];
}

/** What browsers send: pages, history, upgrades. */
function httpRequests(): Uint8Array[] {
  const host = `Host: 127.0.0.1:${gateway.httpPort}\r\n`;
  const upgrade =
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
    "Sec-WebSocket-Protocol: rivulet.kafka.v1\r\n";
  const lines = [
    "GET /",
    "HEAD /",
    "GET /healthz",
    "HEAD /healthz",
    "OPTIONS /log/x",
    "POST /",
    "GET /%2e%2e/x?%zz=%",
  ];
  for (const method of ["GET", "HEAD"])
    lines.push(`${method} /log/${topicId}/0?from=0`, `${method} /log/${topicId}/0?from=%30`);
  const plain = lines.map(
    (line) => `${line} HTTP/1.1\r\n${host}Origin: http://127.0.0.1:${gateway.httpPort}\r\n\r\n`,
  );
  const opened = `GET /ws HTTP/1.1\r\n${host}${upgrade}\r\n`;
  // An upgrade, and in the same bytes a masked frame: binary, ping, close, and one that claims 2^63 bytes.
  const frames = [
    [0x82, 0x84, 1, 2, 3, 4, 5, 6, 7, 8],
    [0x89, 0x80, 0, 0, 0, 0],
    [0x88, 0x82, 0, 0, 0, 0, 3, 232],
    [0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0],
  ];
  const upgraded = frames.map((frame) => Buffer.concat([Buffer.from(opened), Buffer.from(frame)]));
  const body = `POST / HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nhello`;
  const chunked = `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`;
  return [...[...plain, opened, body, chunked].map((text) => Buffer.from(text)), ...upgraded];
}

type Random = (below: number) => number;

function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** What lengths and counts like to be when they are wrong. */
const EXTREMES = [0x00, 0x01, 0x7f, 0x80, 0xff];

const damages: readonly ((bytes: Buffer, random: Random) => Buffer)[] = [
  (bytes, random) => {
    const at = random(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
    return bytes;
  },
  (bytes, random) => {
    bytes[random(bytes.length)] = EXTREMES[random(EXTREMES.length)] ?? 0;
    return bytes;
  },
  (bytes, random) => {
    const at = random(bytes.length);
    return bytes.fill(EXTREMES[random(EXTREMES.length)] ?? 0, at, Math.min(bytes.length, at + 1 + random(8)));
  },
  (bytes, random) => bytes.subarray(0, random(bytes.length)),
  (bytes, random) => {
    const at = random(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(4))]);
  },
  (bytes, random) => {
    const at = random(bytes.length);
    const added = Buffer.from(Array.from({ length: 1 + random(8) }, () => random(256)));
    return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]);
  },
  (bytes, random) => {
    const at = random(bytes.length);
    return Buffer.concat([bytes, bytes.subarray(at, at + random(200))]);
  },
];

function damaged(request: Uint8Array, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(request);
  for (let times = 1 + random(3); times > 0 && bytes.length > 0; times--) {
    bytes = damages[random(damages.length)]?.(bytes, random) ?? bytes;
  }
  return bytes;
}

/** Sends it on a connection of its own and waits until that is answered or closed, but not for long. */
function overTcp(bytes: Buffer, random: Random): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port: gateway.kafkaPort, host: "127.0.0.1" });
    const patience = setTimeout(() => socket.destroy(), PATIENCE_MS);
    socket.on("error", () => {});
    socket.once("close", () => {
      clearTimeout(patience);
      resolve();
    });
    socket.resume();
    // Now and then the length in front is wrong, too.
    const prefix = framePrefix(random(20) === 0 ? random(2 ** 31) : bytes.length);
    socket.end(Buffer.concat([prefix, bytes]));
  });
}

/** Raw bytes to the HTTP port. */
function overHttp(bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port: gateway.httpPort, host: "127.0.0.1" });
    const patience = setTimeout(() => socket.destroy(), PATIENCE_MS);
    socket.on("error", () => {});
    socket.once("data", () => socket.destroy());
    socket.once("close", () => {
      clearTimeout(patience);
      resolve();
    });
    socket.write(bytes);
  });
}

function overWebSocket(bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.httpPort}/ws`, "rivulet.kafka.v1");
    const patience = setTimeout(() => socket.terminate(), PATIENCE_MS);
    socket.on("error", () => {});
    socket.once("message", () => socket.terminate());
    socket.once("close", () => {
      clearTimeout(patience);
      resolve();
    });
    socket.once("open", () => socket.send(bytes));
  });
}

describe(`${MUTATIONS} damaged requests (RIVULET_SEED=${SEED})`, () => {
  it("leave the gateway serving", { timeout: 60_000 + MUTATIONS * 20 }, async () => {
    const random = randomFrom(SEED);
    const requests = validRequests();
    const pages = httpRequests();
    let left = MUTATIONS;
    const worker = async (): Promise<void> => {
      while (left-- > 0) {
        const by = random(10);
        const valid = by === 1 ? pages : requests;
        const bytes = damaged(valid[random(valid.length)] ?? new Uint8Array(1), random);
        await (by === 0 ? overWebSocket(bytes) : by === 1 ? overHttp(bytes) : overTcp(bytes, random));
        if (left % 500 === 0) {
          // A connection that was here all along, and a topic that no request names.
          const { values } = await fetchFrom(client, "untouched", 0n);
          expect(values).toEqual(["0 a", "1 b", "2 c"]);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    expect(gateway.logged.filter(({ level }) => level === "error")).toEqual([]);
    expect(await produceTo(client, "untouched", batchOf(["d"]))).toMatchObject({
      errorCode: 0,
      baseOffset: 3n,
    });
    const everything = await fetchFrom(client, "t", 0n, { partition: 1, partitionMaxBytes: 2 ** 26 });
    expect(everything.values).toEqual(
      everything.values.map((value, offset) => `${offset} ${value.slice(value.indexOf(" ") + 1)}`),
    );
  });
});
