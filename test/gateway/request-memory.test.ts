/** Many clients that each send most of a large request do not fill the memory, and do not keep out the others. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { AnswerMemory } from "../../gateway/api/answer-memory.ts";
import { FetchSessions } from "../../gateway/api/fetch-sessions.ts";
import { Lifetime } from "../../gateway/api/lifetime.ts";
import { ApiTable } from "../../gateway/api/table.ts";
import { ConnectionQuota } from "../../gateway/clients/connection-quota.ts";
import { GroupCoordinator } from "../../gateway/coordinator/group-coordinator.ts";
import { dataDirectory } from "../../gateway/data-directory.ts";
import { FileStore } from "../../gateway/store/file-store.ts";
import { RequestMemory, type RequestHolding } from "../../gateway/clients/request-memory.ts";
import { SWEEP_MS } from "../../gateway/clients/tcp-clients.ts";
import { systemClock } from "../../gateway/system-clock.ts";
import { listenTcp, type Listener } from "../../gateway/tcp-listener.ts";
import { brokerConfig } from "../../log/config.ts";
import { Cluster } from "../../log/cluster.ts";
import { silent } from "../../log/logger.ts";
import { apiVersions } from "../../wire/apis/api-versions.ts";
import { produce } from "../../wire/apis/produce.ts";
import { metadataCodec } from "../../wire/metadata-records.ts";
import { framePrefix, FrameReader, freshMemory } from "../../wire/frame-reader.ts";
import { encodeRequest } from "../../wire/request.ts";
import { decodeResponse } from "../../wire/response.ts";
import { loadEngine } from "../engine/load.ts";
import { batchOf, createTopic, fetchFrom } from "./batches.ts";
import { ProtocolClient } from "./protocol-client.ts";
import { realFiles } from "./real-files.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

describe("clients that each send most of a large request", () => {
  const bound = 2 * MIB;
  const frameBytes = 900 * KIB;
  let directory: string;
  let store: FileStore;
  let cluster: Cluster;
  let listener: Listener;
  const logged: string[] = [];
  /** What each connection holds, in the order in which they came. */
  const holdings: RequestHolding[] = [];
  let highest = 0;
  const requestMemory = new (class extends RequestMemory {
    override join(...flow: Parameters<RequestMemory["join"]>): RequestHolding {
      const holding = super.join(...flow);
      holdings.push(holding);
      return holding;
    }
    override update(...change: Parameters<RequestMemory["update"]>): void {
      super.update(...change);
      highest = Math.max(highest, this.inUse);
    }
  })(bound);

  beforeAll(async () => {
    // Clients' deadlines pass when the test says so, however long this machine takes for what happens between them.
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
    directory = await mkdtemp(join(tmpdir(), "rivulet-test-"));
    store = await FileStore.open(directory, realFiles);
    cluster = await Cluster.open({
      store,
      engine: loadEngine(),
      clock: systemClock,
      codec: metadataCodec,
      random: () => new Uint8Array(randomBytes(16)),
      config: brokerConfig(new Map()),
    });
    const log = { ...silent, warn: (message: string): void => void logged.push(message) };
    const random = (): Uint8Array => new Uint8Array(randomBytes(16));
    const groups = new GroupCoordinator({
      cluster,
      engine: loadEngine(),
      clock: systemClock,
      random,
      log: silent,
    });
    const answerMemory = new AnswerMemory(64 * MIB);
    listener = await listenTcp({
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
      requestMemory,
      profile: (port) => ({ name: "kafka", advertised: { host: "h", port }, fetchBytesMax: MIB }),
      arrivalMs: 900,
    });
  });
  afterAll(async () => {
    await listener.close();
    await cluster.close();
    await store.close();
    await rm(directory, { recursive: true });
    vi.useRealTimers();
  });

  /** Resolves when it holds; `meanwhile` is called again and again until then. */
  async function until(holds: () => boolean, meanwhile = (): void => {}): Promise<void> {
    for (; !holds(); meanwhile()) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  it("hold no more than the bound, one request and small shares; small requests and whole ones are answered", async () => {
    const small = await ProtocolClient.tcp(listener.port);
    await createTopic(small, "t");
    const halves = Array.from({ length: 12 }, () => {
      const message = encodeRequest(produce, 9, { correlationId: 7, clientId: "half" }, requestBody());
      return Buffer.concat([framePrefix(message.byteLength), message]);
    });
    const sockets: Socket[] = [];
    for (const frame of halves) {
      const socket = connect({ port: listener.port, host: "127.0.0.1" }).on("error", () => {});
      sockets.push(socket);
      await once(socket, "connect");
      socket.write(frame.subarray(0, -100 * KIB));
    }
    await until(() => requestMemory.inUse > bound && holdings.length === 13);
    expect((await small.request(apiVersions, 0, {})).errorCode).toBe(0);
    expect(listener.connections).toBe(13);
    // Four of the twelve do not go on, and are closed when they keep the others from it.
    const unanswered = new Set<RequestHolding>();
    const answers = sockets.flatMap((socket, n) => {
      const [frame, holding] = [halves[n], holdings[n + 1]];
      if (n % 3 === 0 || frame === undefined || holding === undefined) return [];
      unanswered.add(holding);
      socket.write(frame.subarray(-100 * KIB));
      return [errorCodeFrom(socket).finally(() => unanswered.delete(holding))];
    });
    const answered = Promise.all(answers);
    answered.catch(() => {});
    // Time passes only while all who would go on have to wait for those who do not, and none of them for its answer.
    const requestBytes = Math.min(...halves.map(({ byteLength }) => byteLength - 4));
    const passTime = (): void => {
      const waiting = Array.from(unanswered, ({ paused, bytes }) => paused && bytes < requestBytes);
      if (waiting.every(Boolean)) vi.advanceTimersByTime(SWEEP_MS);
    };
    await until(() => unanswered.size === 0, passTime);
    expect(await answered).toEqual(Array.from({ length: 8 }, () => 0));
    expect((await fetchFrom(small, "t", 7n)).values).toHaveLength(1);
    await until(() => logged.some((message) => message.includes("while others waited for memory")), passTime);
    const share = bound / 13 + 64 * KIB;
    expect(highest).toBeLessThan(bound + frameBytes + 13 * share);
    expect(requestMemory.inUse).toBeLessThanOrEqual(bound);
    for (const socket of sockets) socket.destroy();
    await until(() => requestMemory.inUse === 0);
    await small.close();
  });

  function requestBody() {
    const records = batchOf([Buffer.alloc(frameBytes - 1000, "v")]);
    const topicData = [{ name: "t", partitionData: [{ index: 0, records }] }];
    return { acks: -1, timeoutMs: 1000, topicData };
  }
});

/** The partition's error code in the first answer to Produce; rejects when the socket closes before. */
function errorCodeFrom(socket: Socket): Promise<number | undefined> {
  const reader = new FrameReader({ frameBytesMax: MIB });
  return new Promise((resolve, reject) => {
    socket.on("close", () => reject(new Error("closed without an answer")));
    socket.on("data", (chunk: Uint8Array) => {
      for (const bytes of reader.push(chunk))
        resolve(decodeResponse(produce, 9, bytes).body.responses[0]?.partitionResponses[0]?.errorCode);
    });
  });
}

describe("the account of requests", () => {
  it("hands the turn on behind one request, however many more its connection sends", () => {
    const memory = new RequestMemory(2 * MIB);
    const flow = { pause: () => {}, resume: () => {} };
    const streaming = memory.join(flow);
    const other = memory.join(flow);
    memory.update(streaming, 3 * MIB);
    memory.update(other, 1.5 * MIB);
    expect([streaming.paused, other.paused]).toEqual([false, true]);
    expect([memory.keepsOthersWaiting(streaming), memory.keepsOthersWaiting(other)]).toEqual([true, false]);
    memory.update(streaming, 4 * MIB, true);
    expect([streaming.paused, other.paused]).toEqual([true, true]);
    memory.update(streaming, 64 * KIB);
    expect([streaming.paused, other.paused]).toEqual([false, false]);
    memory.update(streaming, 3 * MIB);
    expect([streaming.paused, other.paused]).toEqual([true, false]);
    memory.leave(other);
    memory.leave(streaming);
    expect(memory.inUse).toBe(0);
  });

  it("stays within its bound and lets every request be finished, whatever the order", () => {
    const run = fc.record({
      max: fc.integer({ min: 1, max: 4 * MIB }),
      frames: fc.array(fc.integer({ min: 1, max: 2 * MIB }), { minLength: 1, maxLength: 30 }),
      connections: fc.integer({ min: 1, max: 12 }),
      choices: fc.infiniteStream(fc.nat()),
    });
    fc.assert(
      fc.property(run, ({ max, frames, connections, choices }) => {
        const memory = new RequestMemory(max);
        const clients = Array.from({ length: connections }, (_, n) => new SimulatedClient(memory, frames, n));
        const share = Math.max(64 * KIB, Math.min(MIB, max / connections)) + 64 * KIB;
        const most = max + Math.max(...frames) + connections * share;
        for (let busy = clients; busy.length > 0; busy = busy.filter((client) => !client.done)) {
          const able = busy.filter((client) => client.canGoOn);
          expect(able.length, "somebody can go on").toBeGreaterThan(0);
          able[(choices.next().value ?? 0) % able.length]?.step();
          expect(memory.inUse).toBeLessThanOrEqual(most);
        }
        expect(memory.inUse).toBe(0);
        for (const client of clients) expect(client.holding.paused).toBe(false);
      }),
    );
  });
});

/** Sends every request in chunks as long as it is read from, and has them answered one by one. */
class SimulatedClient {
  readonly holding: RequestHolding;
  private readonly memory: RequestMemory;
  private readonly frames: number[];
  private arrived = 0;
  private unanswered = 0;

  constructor(memory: RequestMemory, frames: readonly number[], from: number) {
    this.memory = memory;
    this.holding = memory.join({ pause: () => {}, resume: () => {} });
    this.frames = frames.filter((_, n) => n % (from + 1) === 0);
  }

  get done(): boolean {
    return this.frames.length === 0 && this.unanswered === 0;
  }

  get canGoOn(): boolean {
    return this.unanswered > 0 || !this.holding.paused;
  }

  step(): void {
    const frame = this.frames[0] ?? 0;
    if (this.unanswered > 0) {
      this.unanswered = 0;
      return this.memory.update(this.holding, this.arrived);
    }
    this.arrived = Math.min(frame, this.arrived + 64 * KIB);
    const completed = this.arrived === frame;
    if (completed) {
      this.unanswered = frame;
      this.arrived = 0;
      this.frames.shift();
    }
    this.memory.update(this.holding, this.unanswered + this.arrived, completed);
  }
}
