import { describe, expect, it } from "vitest";
import type { Transport } from "../../sync/transport.ts";
import { tcpTransport, webSocketTransport } from "./network/client-side.ts";
import { frame, FrameType } from "./network/frames.ts";
import type { End } from "./network/link.ts";
import { NetworkRig } from "./network/network-rig.ts";
import { networkFaults, type NetworkFaults } from "./network/network.ts";

const ADDRESS = "kafka://somewhere:1";
const KIB = 1024;

/** Two ends, and what each of them was told. */
async function connected(seed: number, faults: Partial<NetworkFaults> = {}) {
  const rig = new NetworkRig(seed, faults);
  const [near, far] = [rig.process("near"), rig.process("somewhere")];
  const told = { near: told_(), far: told_() };
  const server: { end?: End } = {};
  rig.network.listen(far, ADDRESS, (end) => {
    server.end = end;
    return told.far.handler;
  });
  const client = rig.network.connect(near, ADDRESS, told.near.handler);
  await rig.until(() => told.near.isOpen || told.near.closed.length > 0);
  if (server.end === undefined) throw new Error("nobody was connected");
  return { rig, near, far, told, client, server: server.end, world: rig.world };
}

function told_() {
  const told = { isOpen: false, bytes: [] as number[], isEnded: false, drains: 0, closed: [] as string[] };
  const handler = {
    opened: () => void (told.isOpen = true),
    data: (bytes: Uint8Array) => void told.bytes.push(...bytes),
    ended: () => void (told.isEnded = true),
    drained: () => void told.drains++,
    closed: (reason: string) => void told.closed.push(reason),
  };
  return Object.assign(told, { handler });
}

describe("a connection", () => {
  it("brings every byte once and in order, however it is cut into chunks and delayed", async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { rig, client, server, told, world } = await connected(seed, {
        delayMs: [0.1, 200],
        stallRate: 0.1,
        windowBytes: [10, 500],
      });
      const sent: number[][] = [[], []];
      for (let n = 0; n < 40; n++) {
        const bytes = world.random.bytes(world.random.between(0, 100));
        const up = world.random.chance(0.5);
        sent[up ? 0 : 1]?.push(...bytes);
        (up ? client : server).write(bytes);
        if (world.random.chance(0.5)) await rig.pass(world.random.delay(0, 20));
      }
      await rig.until(() => told.near.bytes.length === sent[1]?.length);
      client.end();
      await rig.until(() => told.far.isEnded);
      server.end();
      await rig.until(() => told.near.closed.length === 1 && told.far.closed.length === 1);
      expect([told.far.bytes, told.near.bytes], `seed ${seed}`).toEqual(sent);
      expect(rig.network.connections).toBe(0);
    }
  });

  it("that breaks brings some of what was sent, any number of bytes, and both ends hear of it once", async () => {
    const lengths = new Set<number>();
    for (let seed = 1; seed <= 60; seed++) {
      const { rig, client, told, world } = await connected(seed, { cutRate: 1 });
      const bytes = world.random.bytes(20);
      client.write(bytes);
      await rig.until(() => told.near.closed.length > 0 && told.far.closed.length > 0);
      await rig.pass(1000);
      expect([told.near.closed.length, told.far.closed.length]).toEqual([1, 1]);
      expect(told.far.bytes).toEqual([...bytes.subarray(0, told.far.bytes.length)]);
      lengths.add(told.far.bytes.length);
    }
    expect(lengths.size).toBeGreaterThan(10);
  });

  it("holds up a sender whose receiver does not read, and lets it go on when it does", async () => {
    const { rig, client, server, told } = await connected(1, { windowBytes: [1000, 1000] });
    server.pause();
    let taken = 0;
    for (let n = 0; n < 10; n++) client.write(new Uint8Array(500), () => void taken++);
    await rig.pass(10_000);
    expect([client.bufferedBytes, taken, told.far.bytes.length, told.near.drains]).toEqual([4000, 2, 0, 0]);
    server.resume();
    await rig.until(() => told.far.bytes.length === 5000);
    await rig.pass(100);
    expect([client.bufferedBytes, taken]).toEqual([0, 10]);
    expect(told.near.drains).toBeGreaterThan(0);
  });

  it("is refused where nobody listens, and not answered by a machine without power", async () => {
    const rig = new NetworkRig(1);
    const process = rig.process("near");
    const told = told_();
    rig.network.connect(process, ADDRESS, told.handler);
    await rig.until(() => told.closed.length > 0);
    expect(told.closed).toEqual([`${ADDRESS} refuses`]);
    expect(rig.world.nowMs).toBeLessThan(100);
    const far = rig.process("somewhere");
    rig.network.loseMachine(far);
    far.kill();
    rig.network.connect(process, ADDRESS, told.handler);
    await rig.until(() => told.closed.length > 1);
    expect(told.closed[1]).toBe(`${ADDRESS} does not answer`);
    expect(rig.world.nowMs).toBeGreaterThan(3000);
  });

  it("whose other end died is closed, with all that had left it or without", async () => {
    const got = new Set<number>();
    for (let seed = 1; seed <= 20; seed++) {
      const { rig, far, server, told } = await connected(seed);
      server.write(new Uint8Array(10));
      far.kill();
      await rig.until(() => told.near.closed.length > 0);
      got.add(told.near.bytes.length);
      expect(told.far.closed).toEqual([]);
    }
    expect(got).toContain(0);
    expect(got).toContain(10);
  });

  it("with a machine that lost power looks open until the machine is back and something is sent", async () => {
    const { rig, far, client, told } = await connected(3);
    rig.network.loseMachine(far);
    far.kill();
    client.write(new Uint8Array(10));
    await rig.pass(50_000);
    expect(told.near.closed).toEqual([]);
    rig.network.listen(rig.process("somewhere"), ADDRESS, () => told_().handler);
    await rig.until(() => told.near.closed.length > 0);
    expect(told.near.closed).toEqual(["reset by the other side"]);
    expect(rig.world.nowMs).toBeLessThan(51_000);
  });

  it("that nobody hears is given up by each end when its patience is over", async () => {
    const { rig, client, server, told } = await connected(4, { halfOpenRate: 1 });
    server.patienceMs = 30_000;
    client.write(new Uint8Array(10));
    await rig.until(() => told.far.closed.length > 0);
    expect(told.far.bytes).toEqual([]);
    expect(rig.world.nowMs).toBeGreaterThan(30_000);
    expect(told.near.closed).toEqual([]);
    await rig.until(() => told.near.closed.length > 0);
    expect(rig.world.nowMs).toBeGreaterThanOrEqual(60_000);
  });

  it("that is silent one way still brings what goes the other way, and breaks when all is healed", async () => {
    const { rig, client, server, told } = await connected(2, { oneWayRate: 1 });
    client.write(new Uint8Array(10));
    rig.network.heal();
    expect(told.far.bytes).toEqual([]);
    server.write(new Uint8Array(3));
    await rig.until(() => told.near.closed.length > 0 && told.far.closed.length > 0);
    expect(rig.world.nowMs).toBeLessThan(1000);
  });

  it("of somebody who is offline is silent, and goes on or breaks when it is online again", async () => {
    const how = new Set<string>();
    for (let seed = 1; seed <= 20; seed++) {
      const { rig, client, told } = await connected(seed);
      rig.network.setOffline("near", true);
      client.write(Uint8Array.of(1, 2));
      await rig.pass(20_000);
      expect([told.far.bytes, told.near.closed]).toEqual([[], []]);
      rig.network.setOffline("near", false);
      await rig.until(() => told.far.bytes.length === 2 || told.far.closed.length > 0);
      how.add(told.far.closed.length > 0 ? "broke" : "went on");
    }
    expect(how.size).toBe(2);
  });

  it("waits for a process that is frozen, and brings all in order when it wakes", async () => {
    const { rig, far, client, told } = await connected(5);
    far.freeze();
    const sent: number[] = [];
    for (let n = 0; n < 50; n++) {
      client.write(Uint8Array.of(n, n + 1));
      sent.push(n, n + 1);
      if (n === 40) far.wake();
      await rig.pass(n < 40 ? 10 : 0.01);
    }
    await rig.until(() => told.far.bytes.length === 100);
    expect(told.far.bytes).toEqual(sent);
  });
});

describe("messages over a connection that breaks", () => {
  it.each([
    ["WebSocket", webSocketTransport],
    ["TCP", tcpTransport],
  ] as const)("%s: arrive whole or not at all", async (kind, transport) => {
    let halves = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const rig = new NetworkRig(seed, { cutRate: 0.6, windowBytes: [50, 5000] });
      const far = rig.process("somewhere");
      const sent: string[] = [];
      let bytes = 0;
      rig.network.listen(far, ADDRESS, (end) => {
        for (let n = 0; n < 20; n++) {
          const message = rig.world.random.bytes(rig.world.random.between(1, 200));
          sent.push(String(message));
          const framed = frame(FrameType.message, message);
          // Without the type it is Kafka's framing, one byte shorter.
          if (kind === "TCP") new DataView(framed.buffer).setInt32(0, message.byteLength);
          for (const piece of kind === "TCP" ? [framed.subarray(0, 4), message] : [framed]) end.write(piece);
          bytes += framed.byteLength;
        }
        return told_().handler;
      });
      const got: string[] = [];
      let closed = 0;
      transport(
        rig.network,
        rig.process("near"),
        ADDRESS,
      )({
        opened: () => undefined,
        message: (message) => void got.push(String(message)),
        closed: () => void closed++,
      });
      await rig.world.runUntil(() => closed > 0 || got.length === 20, 100_000);
      expect(got, `seed ${seed}`).toEqual(sent.slice(0, got.length));
      expect(bytes).toBeGreaterThan(20);
      if (got.length < 20) halves++;
    }
    expect(halves).toBeGreaterThan(20);
  });
});

describe("a transport", () => {
  it("calls nothing before it was returned, tells of requests as they leave, and drops what is sent too early or late", async () => {
    const rig = new NetworkRig(1);
    await rig.run(rig.gateway.start());
    const process = rig.process("near");
    const left: string[] = [];
    rig.network.onRequest(({ name }, message) => void left.push(`${name} ${message.byteLength}`));
    const calls: string[] = [];
    const transport: Transport = webSocketTransport(
      rig.network,
      process,
      rig.gateway.webSocketAddress,
    )({
      opened: () => void calls.push("opened"),
      message: (message) => void calls.push(`message ${message.byteLength > 0}`),
      closed: (reason) => void calls.push(`closed: ${reason}`),
    });
    transport.send(new Uint8Array(5));
    expect(calls).toEqual([]);
    await rig.until(() => calls.length > 0);
    // ApiVersions in version 0.
    transport.send(Uint8Array.of(0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff));
    await rig.until(() => calls.length > 1);
    transport.close();
    transport.send(new Uint8Array(7));
    await rig.pass(1000);
    expect(calls).toEqual(["opened", "message true", "closed: closed by this side"]);
    expect(left).toEqual(["near 10"]);
    expect(rig.network.connections).toBe(0);
  });
});

it("a network that is as bad as it gets has every kind of fault", async () => {
  const faults = networkFaults(1);
  const kinds = new Set<string>();
  for (let seed = 1; seed <= 40; seed++) {
    const rig = new NetworkRig(seed, faults);
    const far = rig.process("somewhere");
    rig.network.listen(far, ADDRESS, () => told_().handler);
    for (let n = 0; n < 10; n++) {
      const told = told_();
      const end = rig.network.connect(rig.process(`near-${n}`), ADDRESS, told.handler);
      await rig.until(() => told.isOpen || told.closed.length > 0);
      for (let m = 0; m < 20; m++) {
        end.write(new Uint8Array(KIB));
        await rig.pass(200);
      }
    }
    for (const kind of rig.world.trace.counts.keys()) kinds.add(kind);
  }
  const expected = ["cut", "half open", "one way", "stalled", "refused", "not answered"];
  expect([...kinds].toSorted()).toEqual(expected.map((kind) => `network: ${kind}`).toSorted());
});
