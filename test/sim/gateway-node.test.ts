import { describe, expect, it } from "vitest";
import { historyFrames } from "../../sync/history-frames.ts";
import { subscribe } from "../../wire/apis/subscribe.ts";
import { fetch } from "../../wire/apis/fetch.ts";
import { history, serverTime } from "./network/client-side.ts";
import { NetworkRig, recordsOf } from "./network/network-rig.ts";
import type { NetworkFaults } from "./network/network.ts";

const KIB = 1024;

/** A gateway that serves, a client of it, and a topic. */
async function serving(
  seed: number,
  transport: "TCP" | "WebSocket" = "TCP",
  faults: Partial<NetworkFaults> = {},
) {
  const rig = new NetworkRig(seed, faults);
  expect(await rig.run(rig.gateway.start()), String(rig.gateway.lastFailure)).toBe(true);
  const process = rig.process("client");
  const connection = await rig.connect(process, transport);
  const topic = { name: "t", id: await rig.createTopic(connection, "t") };
  return { rig, process, connection, topic, gateway: rig.gateway };
}

describe("a simulated gateway answers", () => {
  it.each(["TCP", "WebSocket"] as const)("requests over %s", async (transport) => {
    const { rig, connection, topic } = await serving(1, transport);
    for (const value of ["a", "b", "c"]) await rig.produce(connection, topic, value);
    expect(await rig.values(connection, topic)).toEqual(["a", "b", "c"]);
  });

  it("history and its time over HTTP, and refuses what is not there", async () => {
    const { rig, process, connection, topic, gateway } = await serving(2, "TCP", { windowBytes: [500, 500] });
    const values = Array.from({ length: 20 }, (_, n) => `${n} ${"x".repeat(3 * KIB)}`);
    for (const value of values) await rig.produce(connection, topic, value);
    const { network } = rig;
    const source = history(network, process, gateway.httpAddress);
    const read = async (topicId: string): Promise<string[]> => {
      const found: string[] = [];
      for await (const { records } of historyFrames(
        source.read(topicId, 0, 0n, new AbortController().signal),
      ))
        found.push(...recordsOf(records).map(({ value }) => value));
      return found;
    };
    expect(await rig.run(read(topic.id))).toEqual(values);
    await expect(rig.run(read("AAAAAAAAAAAAAAAAAAAAAQ"))).rejects.toThrow("answered 404");
    const before = process.clock.now();
    const nowMs = await rig.run(serverTime(network, process, gateway.httpAddress)());
    expect(nowMs).toBeGreaterThanOrEqual(before);
    expect(nowMs).toBeLessThanOrEqual(process.clock.now());
    await rig.pass(1000);
    // The one of the Kafka client.
    expect(network.connections).toBe(1);
  });

  it("a body that is cut short with an error, and ends when it is aborted", async () => {
    const { rig, process, connection, topic, gateway } = await serving(3, "TCP", { windowBytes: [500, 500] });
    await rig.produce(connection, topic, "x".repeat(50 * KIB));
    const source = history(rig.network, process, gateway.httpAddress);
    let bytes = 0;
    const read = async (signal: AbortSignal): Promise<void> => {
      for await (const piece of source.read(topic.id, 0, 0n, signal)) bytes += piece.byteLength;
    };
    const cut = read(new AbortController().signal);
    cut.catch(() => undefined);
    await rig.until(() => bytes > 10 * KIB);
    rig.network.cutAll();
    await expect(rig.run(cut)).rejects.toThrow("fetch failed");
    expect(bytes).toBeLessThan(50 * KIB);
    const controller = new AbortController();
    const aborted = read(controller.signal);
    aborted.catch(() => undefined);
    const before = bytes;
    await rig.until(() => bytes > before);
    controller.abort();
    await expect(rig.run(aborted)).rejects.toThrow();
    await rig.pass(1000);
    expect(rig.network.connections).toBe(0);
  });
});

describe("a reader that does not read", () => {
  it("gets no more pushes than fit, and the rest without a gap when it reads again", async () => {
    const { rig, connection, topic, gateway } = await serving(4, "TCP", { windowBytes: [8 * KIB, 8 * KIB] });
    const reader = rig.process("reader");
    const pushed = await rig.connect(reader, "WebSocket");
    const got: string[] = [];
    pushed.onPush(topic.id, 0, {
      push: ({ records }) => got.push(...recordsOf(records).map(({ value }) => value)),
      moved: () => {},
    });
    const subscriptions = [{ topicId: topic.id, partition: 0, offset: 0n }];
    await rig.run(pushed.request(subscribe, { subscriptions }));
    reader.freeze();
    const values = Array.from({ length: 100 }, (_, n) => `${n} ${"x".repeat(2 * KIB)}`);
    let most = 0;
    for (const value of values) {
      await rig.produce(connection, topic, value);
      most = Math.max(most, rig.bufferedAtGateway());
    }
    expect(got).toEqual([]);
    // What one tick has brought may wait behind a full window, and no more.
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(16 * KIB);
    expect(gateway.cluster?.topic("t")?.partitions[0]?.highWatermark).toBe(100n);
    reader.wake();
    await rig.until(() => got.length === values.length);
    expect(got).toEqual(values);
  });

  it("over TCP has no more of its requests answered until it takes the answers", async () => {
    const { rig, connection, topic } = await serving(5, "TCP", { windowBytes: [8 * KIB, 8 * KIB] });
    for (let n = 0; n < 40; n++) await rig.produce(connection, topic, "x".repeat(60 * KIB));
    const reader = rig.process("reader");
    const reading = await rig.connect(reader, "TCP");
    const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 64 * KIB * KIB }];
    const topics = [{ topic: "t", topicId: topic.id, partitions }];
    const asked = { maxWaitMs: 0, minBytes: 1, maxBytes: 64 * KIB * KIB, topics };
    let answered = 0;
    const answers = Array.from({ length: 10 }, async () => {
      const { responses } = await reading.request(fetch, asked, 600_000);
      answered += recordsOf(responses[0]?.partitions[0]?.records ?? new Uint8Array(0)).length;
    });
    await rig.pass(2);
    reader.freeze();
    await rig.pass(5000);
    // One answer of 40 times 60 KiB, of ten.
    expect(rig.bufferedAtGateway()).toBeGreaterThan(2000 * KIB);
    expect(rig.bufferedAtGateway()).toBeLessThan(2500 * KIB);
    reader.wake();
    await rig.run(Promise.all(answers));
    expect(answered).toBe(400);
    expect(rig.bufferedAtGateway()).toBe(0);
  });
});

describe("connections that fall silent", () => {
  it("are noticed by both sides, and end", async () => {
    const { rig, connection, gateway } = await serving(6, "WebSocket");
    rig.network.setOffline("client", true);
    const ended = connection.closed;
    expect(await rig.run(ended)).toContain("was not answered within");
    expect(rig.network.connections).toBe(1);
    await rig.pass(60_000);
    expect(rig.network.connections).toBe(0);
    expect(gateway.isServing).toBe(true);
  });
});

describe("a gateway that ends", () => {
  it("when it is killed comes back with all that it acknowledged, acks=1 included", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { rig, process, connection, topic, gateway } = await serving(seed);
      for (let n = 0; n < 5; n++) await rig.produce(connection, topic, `${n}`, n % 2 === 0 ? 1 : -1);
      gateway.kill();
      expect([gateway.isServing, gateway.process, gateway.cluster]).toEqual([false, undefined, undefined]);
      await rig.run(connection.closed);
      expect(await rig.run(gateway.start())).toBe(true);
      const again = await rig.connect(process, "TCP");
      expect(await rig.values(again, topic), `seed ${seed}`).toEqual(["0", "1", "2", "3", "4"]);
    }
  });

  it("when it loses power comes back with all that it acknowledged with acks=all", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { rig, process, connection, topic, gateway } = await serving(seed);
      for (let n = 0; n < 5; n++) await rig.produce(connection, topic, `${n}`);
      gateway.losePower();
      expect(await rig.run(gateway.start())).toBe(true);
      const again = await rig.connect(process, "TCP");
      expect(await rig.values(again, topic), `seed ${seed}`).toEqual(["0", "1", "2", "3", "4"]);
      // Nobody has told the client; its next word gets an answer.
      expect(connection.isClosed).toBe(false);
      await rig.run(connection.closed);
    }
  });

  it("in the middle of a start serves at a later one, whenever it was", async () => {
    for (let afterMs = 0.05; afterMs < 30; afterMs *= 1.3) {
      const { rig, process, connection, topic, gateway } = await serving(7);
      await rig.produce(connection, topic, "a");
      gateway.kill();
      const started = gateway.start();
      await rig.pass(afterMs);
      gateway.losePower();
      await rig.run(started);
      expect(gateway.isServing).toBe(false);
      expect(gateway.lastFailure).toBe(undefined);
      expect(await rig.run(gateway.start())).toBe(true);
      const again = await rig.connect(process, "TCP");
      expect(await rig.values(again, topic), `killed after ${afterMs} ms`).toEqual(["a"]);
    }
  });

  it("because it is stopped answers what waits, and says goodbye", async () => {
    const { rig, process, connection, topic, gateway } = await serving(8, "WebSocket");
    await rig.produce(connection, topic, "a");
    const partitions = [{ partition: 0, fetchOffset: 1n, partitionMaxBytes: KIB }];
    const topics = [{ topic: "t", topicId: topic.id, partitions }];
    const waiting = connection.request(fetch, { maxWaitMs: 20_000, minBytes: 1, maxBytes: KIB, topics });
    await rig.pass(1000);
    const stopped = Promise.all([gateway.stop(), gateway.stop()]);
    expect(gateway.isServing).toBe(false);
    expect((await rig.run(waiting)).responses[0]?.partitions[0]?.errorCode).toBe(0);
    expect(await rig.run(connection.closed)).toBe("the gateway stops");
    await rig.run(stopped);
    expect(gateway.process).toBe(undefined);
    expect(rig.world.trace.counts.get("gateway: stopped")).toBe(1);
    expect(await rig.run(gateway.start())).toBe(true);
    expect(await rig.values(await rig.connect(process, "TCP"), topic)).toEqual(["a"]);
  });

  it("while it stops is just dead", async () => {
    const { rig, gateway } = await serving(9);
    const stopped = gateway.stop();
    gateway.kill();
    await rig.run(stopped);
    expect(gateway.process).toBe(undefined);
    expect(await rig.run(gateway.start())).toBe(true);
  });

  it("because its disk is full at the start says why, and starts when there is room", async () => {
    const rig = new NetworkRig(10);
    rig.disk.capacityBytes = 10;
    expect(await rig.run(rig.gateway.start())).toBe(false);
    expect(String(rig.gateway.lastFailure)).toContain("ENOSPC");
    expect(rig.gateway.process).toBe(undefined);
    rig.disk.capacityBytes = undefined;
    expect(await rig.run(rig.gateway.start())).toBe(true);
    expect(rig.gateway.lastFailure).toBe(undefined);
  });
});

describe("one seed", () => {
  async function story(seed: number): Promise<[lines: string[], digest: string]> {
    const lines: string[] = [];
    const faults = { delayMs: [0.1, 100], cutRate: 0.02, stallRate: 0.02, windowBytes: [500, 5000] } as const;
    const rig = new NetworkRig(seed, faults, (line) => lines.push(line));
    await rig.run(rig.gateway.start());
    for (let n = 0; n < 15; n++) {
      try {
        const connection = await rig.connect(rig.process(`client-${n}`), n % 2 === 0 ? "TCP" : "WebSocket");
        const id = await rig.createTopic(connection, `t-${n}`);
        for (let m = 0; m < 5; m++) {
          const offset = await rig.produce(connection, { name: `t-${n}`, id }, `${m}`);
          rig.world.trace.say(`client-${n}`, `has its record at ${offset}`);
        }
      } catch (error) {
        rig.world.trace.say("client", String(error));
      }
      if (n === 7) {
        rig.gateway.losePower();
        await rig.run(rig.gateway.start());
      }
    }
    return [lines, rig.world.trace.digest];
  }

  it("is one history, and another one is another", async () => {
    const [lines, digest] = await story(11);
    for (const told of ["has its record at 4", "loses power", "network          cut"])
      expect(
        lines.some((line) => line.includes(told)),
        told,
      ).toBe(true);
    expect(await story(11)).toEqual([lines, digest]);
    const others = [await story(12), await story(13)];
    expect(new Set([digest, ...others.map(([, other]) => other)]).size).toBe(3);
  });
});
