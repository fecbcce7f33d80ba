/** Clients that send or read too slowly cost little, harm nobody, and are let go in the end. */
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiTable } from "../../gateway/api/table.ts";
import type { Services } from "../../gateway/api/context.ts";
import { Lifetime } from "../../gateway/api/lifetime.ts";
import { systemClock } from "../../gateway/system-clock.ts";
import { listenTcp } from "../../gateway/tcp-listener.ts";
import { silent } from "../../log/logger.ts";
import { apiVersions } from "../../wire/apis/api-versions.ts";
import { fetch } from "../../wire/apis/fetch.ts";
import { decodeResponse } from "../../wire/response.ts";
import { batchOf, createTopic, fetchFrom, produceTo } from "./batches.ts";
import { ProtocolClient } from "./protocol-client.ts";
import { startTestGateway, type TestGateway } from "./start-gateway.ts";

const MIB = 1024 * 1024;

describe("a client that sends slowly", () => {
  it("is closed when its request does not arrive in time; one that sends whole requests is not", async () => {
    const services = { log: silent, clock: systemClock, running: new Lifetime() } as unknown as Services;
    const listener = await listenTcp({
      host: "127.0.0.1",
      port: 0,
      services,
      apis: new ApiTable({ push: false }),
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
