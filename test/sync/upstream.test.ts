import { expect, test } from "vitest";
import { Upstream } from "../../sync/upstream.ts";
import type { UpstreamState } from "../../sync/live-connection.ts";
import { metadata } from "../../wire/apis/metadata.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "./fake-broker.ts";
import { seeded, VirtualClock } from "./virtual-clock.ts";

const engine = loadEngine();

function setUp(startOffline = false, requestTimeoutMs = 30_000, knock?: () => Promise<unknown>) {
  const clock = new VirtualClock();
  const broker = new FakeBroker(engine);
  let opened = 0;
  const open: typeof broker.open = (handler) => {
    opened += 1;
    return broker.open(handler);
  };
  const upstream = new Upstream(
    { open, knock, clock, random: seeded(3), clientId: "t", requestTimeoutMs, idleMs: 5000 },
    startOffline,
  );
  const states: UpstreamState[] = [];
  upstream.onState((state) => states.push(state));
  return {
    clock,
    broker,
    upstream,
    states,
    names: () => states.map((state) => state.name),
    opened: () => opened,
  };
}

test("connects, comes back after a lost connection, and tells each state once", async () => {
  const { clock, broker, upstream, names } = setUp();
  expect(upstream.state.name).toBe("connecting");
  await clock.until(upstream.live());
  broker.dropAll("gone for a moment");
  await clock.settle();
  expect(upstream.state).toEqual({ name: "connecting", reason: "gone for a moment" });
  await clock.until(upstream.live());
  expect(names()).toEqual(["live", "connecting", "live"]);
  await upstream.close("done");
  expect(upstream.state).toEqual({ name: "closed", reason: "done" });
  await expect(upstream.live()).rejects.toMatchObject({ code: ErrorCode.NETWORK_EXCEPTION });
});

test("a gateway that cannot be reached: offline with a reason, tried again with growing waits, live when it is back", async () => {
  const { clock, broker, upstream, opened } = setUp();
  broker.reachable = false;
  await clock.pass(120_000);
  expect(upstream.state.name).toBe("offline");
  expect(upstream.state.reason).toContain("refused");
  expect(opened()).toBeGreaterThan(5);
  expect(opened()).toBeLessThan(60);
  broker.reachable = true;
  await clock.until(upstream.live());
  await upstream.close("done");
});

test("where nobody answers, no connection is tried again before somebody does; where asking is forbidden, now and then", async () => {
  const { clock, broker, upstream, opened } = setUp(false, 30_000, () =>
    broker.reachable ? Promise.resolve() : Promise.reject(new Error("nobody answers")),
  );
  broker.reachable = false;
  await clock.pass(85_000);
  expect(opened()).toBe(1);
  expect(upstream.state).toEqual({ name: "offline", reason: "nobody answers; trying again" });
  await clock.pass(400_000);
  expect(opened()).toBeGreaterThan(2);
  expect(opened()).toBeLessThan(7);
  const before = opened();
  broker.reachable = true;
  await clock.until(upstream.live());
  expect(opened()).toBe(before + 1);
  await upstream.close("done");
});

test("an answer that does not come holds up neither the switch nor the end", async () => {
  const { clock, broker, upstream } = setUp(false, 30_000, () => new Promise(() => undefined));
  broker.reachable = false;
  await clock.pass(5000);
  upstream.goOffline();
  broker.reachable = true;
  await clock.pass(95_000);
  upstream.goOnline();
  await clock.until(upstream.live());
  broker.reachable = false;
  broker.dropAll("gone");
  await clock.pass(5000);
  await clock.until(upstream.close("done"), 0);
});

test("the host's word that the network is back ends a long wait at once", async () => {
  const { clock, broker, upstream } = setUp();
  broker.reachable = false;
  await clock.pass(600_000);
  broker.reachable = true;
  const before = clock.now();
  upstream.wake();
  await clock.until(upstream.live());
  expect(clock.now() - before).toBeLessThan(100);
  await upstream.close("done");
});

test("switched off: no attempt is made until it is switched on", async () => {
  const { clock, broker, upstream, opened, names } = setUp(true);
  await clock.pass(60_000);
  upstream.wake();
  await clock.pass(60_000);
  expect(opened()).toBe(0);
  expect(upstream.state.name).toBe("offline");
  upstream.goOnline();
  await clock.until(upstream.live());
  upstream.goOffline();
  expect(upstream.state.name).toBe("offline");
  expect(broker.connections.size).toBe(0);
  upstream.goOnline();
  await clock.until(upstream.live());
  expect(names()).toEqual(["connecting", "live", "offline", "connecting", "live"]);
  await upstream.close("done");
});

test("switched off in the middle of an attempt, and on again: it is no failed one, after which it would be asked first", async () => {
  let knocks = 0;
  const { clock, upstream, broker, opened } = setUp(false, 30_000, () => Promise.resolve(void (knocks += 1)));
  // It has begun, and nothing has come back yet.
  expect(opened()).toBe(1);
  upstream.goOffline();
  await clock.settle();
  upstream.goOnline();
  await clock.until(upstream.live());
  expect([knocks, opened()]).toEqual([0, 2]);
  broker.reachable = false;
  broker.dropAll("gone");
  await clock.pass(5000);
  expect(knocks).toBeGreaterThan(0);
  await upstream.close("done");
});

test("switched off in the middle of an attempt", async () => {
  const { clock, upstream, broker } = setUp();
  upstream.goOffline();
  await clock.pass(10_000);
  expect(upstream.state.name).toBe("offline");
  expect(broker.connections.size).toBe(0);
  await upstream.close("done");
});

test("an unanswered request ends the connection, which comes back", async () => {
  const { clock, broker, upstream } = setUp(false, 2000);
  await clock.until(upstream.live());
  const [connection] = broker.connections;
  if (connection !== undefined) connection.give = () => undefined;
  const request = upstream.request(metadata, { topics: [] });
  await expect(clock.until(request)).rejects.toMatchObject({ code: ErrorCode.NETWORK_EXCEPTION });
  await clock.until(upstream.live());
  expect((await clock.until(upstream.request(metadata, { topics: [] }))).clusterId).toBe("cluster-one");
  await upstream.close("done");
});

test("a peer that falls silent is noticed without anybody asking for anything", async () => {
  const { clock, broker, upstream, names } = setUp();
  await clock.until(upstream.live());
  const [connection] = broker.connections;
  if (connection !== undefined) connection.give = () => undefined;
  await clock.pass(16_000);
  await clock.until(upstream.live());
  expect(names()).toEqual(["live", "connecting", "live"]);
  await upstream.close("done");
});

test("bytes that are no answer end the connection and not the process", async () => {
  const { clock, broker, upstream } = setUp();
  await clock.until(upstream.live());
  for (const bytes of [
    new Uint8Array(),
    new Uint8Array(2),
    new Uint8Array(64).fill(0xff),
    new Uint8Array([0, 0, 9, 9]),
  ]) {
    for (const connection of broker.connections) connection.give(bytes);
    await clock.pass(400);
    await clock.until(upstream.live());
  }
  await upstream.close("done");
});

test("waiting for a connection can be given up", async () => {
  const { clock, broker, upstream } = setUp();
  broker.reachable = false;
  const controller = new AbortController();
  const waiting = upstream.live(controller.signal);
  await clock.pass(1000);
  controller.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  await upstream.close("done");
});
