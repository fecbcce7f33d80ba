/** What is idle costs no timer of its own, and is let go in the end all the same. */
import { createHook } from "node:async_hooks";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { AnswerMemory } from "../../../gateway/api/answer-memory.ts";
import type { ListenerProfile, Services } from "../../../gateway/api/context.ts";
import { Lifetime } from "../../../gateway/api/lifetime.ts";
import { ApiTable } from "../../../gateway/api/table.ts";
import { IDLE_MS } from "../../../gateway/clients/limits.ts";
import { RequestMemory } from "../../../gateway/clients/request-memory.ts";
import { TcpClient, type TcpSocket } from "../../../gateway/clients/tcp-client.ts";
import { SWEEP_MS, TcpClients } from "../../../gateway/clients/tcp-clients.ts";
import { silent } from "../../../log/logger.ts";
import { framePrefix } from "../../../wire/frame-reader.ts";
import { apiVersions } from "../../../wire/apis/api-versions.ts";
import { metadata } from "../../../wire/apis/metadata.ts";
import { encodeRequest } from "../../../wire/request.ts";
import { batchOf, createTopic, produceTo } from "../batches.ts";
import { ProtocolClient } from "../protocol-client.ts";
import { startTestGateway, type TestGateway } from "../start-gateway.ts";

const PARTITIONS = 60;
const CONNECTIONS = 120;

describe("timers of a gateway in this process", () => {
  const live = new Set<number>();
  const hook = createHook({
    init: (id, type) => void (type === "Timeout" && live.add(id)),
    destroy: (id) => void live.delete(id),
  });
  let gateway: TestGateway;
  let first: ProtocolClient;

  beforeAll(async () => {
    hook.enable();
    gateway = await startTestGateway();
    first = await ProtocolClient.tcp(gateway.kafkaPort);
    await first.request(apiVersions, 0, {});
  });
  afterAll(async () => {
    hook.disable();
    await gateway.stop();
  });

  test(
    "are as many with partitions and connections that have done something as without any",
    { timeout: 60_000 },
    async () => {
      const before = live.size;
      await createTopic(first, "t", PARTITIONS);
      const clients = await Promise.all(
        Array.from({ length: CONNECTIONS }, () => ProtocolClient.tcp(gateway.kafkaPort)),
      );
      await Promise.all(
        clients.map(async (client, at) => {
          await client.request(metadata, 9, { topics: [{ name: "t" }] });
          const { errorCode } = await produceTo(client, "t", batchOf(["v"]), { partition: at % PARTITIONS });
          expect(errorCode).toBe(0);
        }),
      );
      // What was written is noted and the notes are synced: a second or so. `waitFor` has timers too, and they come and go.
      const spare = 5;
      await vi.waitFor(() => expect(live.size).toBeLessThanOrEqual(before + spare), {
        timeout: 30_000,
        interval: 100,
      });
      expect(spare).toBeLessThan(Math.min(PARTITIONS, CONNECTIONS) / 10);
      await Promise.all(clients.map((client) => client.close()));
      await first.close();
    },
  );
});

describe("idle TCP clients", () => {
  let now = 0;
  const services = { log: silent, running: new Lifetime(), answerMemory: new AnswerMemory(1000) };
  const listener: ListenerProfile = {
    name: "kafka",
    advertised: { host: "h", port: 1 },
    fetchBytesMax: 1000,
  };

  function clientOf(clients: TcpClients): { client: TcpClient; socket: FakeSocket } {
    const socket = new FakeSocket();
    const client = new TcpClient(socket, {
      services: services as unknown as Services,
      apis: new ApiTable({ push: false }),
      listener,
      requestBytesMax: 1000,
      requestMemory: new RequestMemory(10_000),
      remote: "here:1",
      elapsedMs: () => now,
      busy: (busy) => clients.watch(busy),
    });
    clients.add(client);
    return { client, socket };
  }

  function pass(clients: TcpClients, ms: number): void {
    for (const end = now + ms; now < end;) {
      now += SWEEP_MS;
      clients.sweep();
    }
  }

  test("are let go after ten minutes, and only looked at now and then until that", () => {
    const clients = new TcpClients();
    const { client, socket } = clientOf(clients);
    const swept = vi.spyOn(client, "sweep");
    pass(clients, IDLE_MS);
    expect(socket.isDestroyed).toBe(false);
    pass(clients, 60_000);
    expect(socket.isDestroyed).toBe(true);
    expect(swept).not.toHaveBeenCalled();
  });

  test("are looked at each second while a request or an answer of theirs is under way", () => {
    const clients = new TcpClients();
    const { client, socket } = clientOf(clients);
    const message = encodeRequest(apiVersions, 0, { correlationId: 1, clientId: "c" }, {});
    const framed = Buffer.concat([framePrefix(message.byteLength), message]);
    // The half of a request.
    client.arrived(framed.subarray(0, 6));
    pass(clients, 3 * SWEEP_MS);
    expect(socket.isWatched).toBe(false);
    client.arrived(framed.subarray(6));
    expect(socket.taken).toHaveLength(1);
    // The answer is not taken.
    pass(clients, 3 * SWEEP_MS);
    expect(socket.isWatched).toBe(true);
    for (const taken of socket.taken) taken();
    pass(clients, SWEEP_MS);
    expect(socket.isWatched).toBe(false);
    const swept = vi.spyOn(client, "sweep");
    pass(clients, 10 * SWEEP_MS);
    expect(swept).not.toHaveBeenCalled();
    expect(socket.isDestroyed).toBe(false);
  });

  test("that send half a request and no more are closed", () => {
    const clients = new TcpClients();
    const { client, socket } = clientOf(clients);
    client.arrived(Uint8Array.of(0, 0, 1, 0, 9));
    pass(clients, 20_000);
    expect(socket.isDestroyed).toBe(true);
  });
});

class FakeSocket implements TcpSocket {
  isDestroyed = false;
  isWatched = false;
  readonly isEnding = false;
  readonly bytesRead = 0;
  readonly bufferedBytes = 0;
  readonly taken: (() => void)[] = [];

  write(_pieces: readonly Uint8Array[], taken: () => void): void {
    this.taken.push(taken);
  }
  pause(): void {}
  resume(): void {}
  watchProgress(isWatched: boolean): void {
    this.isWatched = isWatched;
  }
  end(): void {
    this.destroy();
  }
  destroy(): void {
    this.isDestroyed = true;
  }
}
