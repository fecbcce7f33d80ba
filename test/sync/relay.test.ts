/** Several clients over one connection: each is another tab, and what a tab sends is not to be trusted. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Connection } from "../../sync/connection.ts";
import type { LiveConnection } from "../../sync/live-connection.ts";
import { EARLIEST } from "../../sync/log-offsets.ts";
import { Relay } from "../../sync/relay.ts";
import { subscription } from "../../sync/subscription.ts";
import type { OpenTransport, TransportHandler } from "../../sync/transport.ts";
import { Upstream } from "../../sync/upstream.ts";
import { ApiKey } from "../../wire/api.ts";
import { apiVersions } from "../../wire/apis/api-versions.ts";
import { metadata } from "../../wire/apis/metadata.ts";
import { saslHandshake } from "../../wire/apis/sasl-handshake.ts";
import { subscribe } from "../../wire/apis/subscribe.ts";
import { unsubscribe } from "../../wire/apis/unsubscribe.ts";
import { encodePushHeader } from "../../wire/push.ts";
import { decodeRequestHeader } from "../../wire/request-header.ts";
import { decodeRequest, encodeRequest } from "../../wire/request.ts";
import { decodeResponse, encodeResponse } from "../../wire/response.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "./fake-broker.ts";
import { seeded, VirtualClock } from "./virtual-clock.ts";

const TOPIC = Buffer.alloc(16, "topic of the relay").toString("base64url");
const SERVED = [metadata, subscribe, unsubscribe, saslHandshake, apiVersions];

interface Asked {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly message: Uint8Array;
  readonly bodyAt: number;
}

/** The gateway's end of the one connection: keeps what is asked until it is told to answer. */
class FarEnd {
  readonly asked: Asked[] = [];
  private handler: TransportHandler | undefined;

  readonly open: OpenTransport = (handler) => {
    this.handler = handler;
    queueMicrotask(() => handler.opened());
    return {
      send: (message) => this.hear(message.slice()),
      close: () => handler.closed("closed by this side"),
    };
  };

  static async connected(): Promise<{ far: FarEnd; connection: Connection; clock: VirtualClock }> {
    const far = new FarEnd();
    const clock = new VirtualClock();
    const connection = await clock.until(Connection.open({ open: far.open, clock, clientId: "leader" }));
    return { far, connection, clock };
  }

  give(message: Uint8Array): void {
    this.handler?.message(message);
  }

  drop(reason: string): void {
    this.handler?.closed(reason);
  }

  push(partition: number, from: bigint, to: bigint, bytes = 0): void {
    const marks = { leaderEpoch: 0, highWatermark: to, lastStableOffset: to };
    const header = encodePushHeader({ errorCode: 0, topicId: TOPIC, partition, from, to, ...marks });
    this.give(new Uint8Array(Buffer.concat([header, new Uint8Array(bytes)])));
  }

  /** Requests of this kind that are not answered yet, as they were asked. */
  of(api: { key: number }): Asked[] {
    return this.asked.filter(({ apiKey }) => apiKey === api.key);
  }

  answerMetadata({ apiVersion, correlationId, message, bodyAt }: Asked): void {
    const { topics } = decodeRequest(metadata, apiVersion, message, bodyAt);
    const body = { brokers: [], clusterId: topics?.[0]?.name ?? "", controllerId: 1, topics: [] };
    this.give(joined(encodeResponse(metadata, apiVersion, correlationId, body)));
  }

  answerSubscribe({ apiVersion, correlationId, message, bodyAt }: Asked): void {
    const { subscriptions } = decodeRequest(subscribe, apiVersion, message, bodyAt);
    const answers = subscriptions.map(({ topicId, partition, offset }) => ({
      topicId,
      partition,
      errorCode: 0,
      offset,
    }));
    this.give(joined(encodeResponse(subscribe, apiVersion, correlationId, { subscriptions: answers })));
  }

  private hear(message: Uint8Array): void {
    const asked = { ...decodeRequestHeader(message), message };
    if (asked.apiKey !== ApiKey.ApiVersions) return void this.asked.push(asked);
    const apiKeys = SERVED.map(({ key, minVersion, maxVersion }) => ({
      apiKey: key,
      minVersion,
      maxVersion,
    }));
    const body = { errorCode: 0, apiKeys, throttleTimeMs: 0 };
    const noFeatures = { supportedFeatures: [], finalizedFeatures: [], zkMigrationReady: false };
    const answer = { ...body, ...noFeatures };
    this.give(joined(encodeResponse(apiVersions, asked.apiVersion, asked.correlationId, answer)));
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

/** A client that notes what it gets. */
function relayed(connection: Connection) {
  const got = { messages: [] as Uint8Array[], moved: [] as bigint[], closed: [] as string[] };
  const relay = new Relay(connection, {
    message: (bytes) => got.messages.push(bytes),
    moved: (_topicId, _partition, offset) => got.moved.push(offset),
    closed: (reason) => got.closed.push(reason),
  });
  return { relay, ...got };
}

function asking(name: string, correlationId: number): Uint8Array {
  return encodeRequest(metadata, 9, { correlationId, clientId: "tab" }, { topics: [{ name }] });
}

function subscribing(partition: number, offset: bigint, correlationId: number): Uint8Array {
  const body = { subscriptions: [{ topicId: TOPIC, partition, offset }] };
  return encodeRequest(subscribe, 0, { correlationId, clientId: "tab" }, body);
}

function leaving(partition: number, correlationId: number): Uint8Array {
  const body = { subscriptions: [{ topicId: TOPIC, partition }] };
  return encodeRequest(unsubscribe, 0, { correlationId, clientId: "tab" }, body);
}

test("answers that overtake each other reach who has asked, under the number that it has given", async () => {
  const questions = fc.array(fc.record({ client: fc.nat(2), correlationId: fc.nat(5), order: fc.nat() }), {
    minLength: 1,
    maxLength: 40,
  });
  await fc.assert(
    fc.asyncProperty(questions, async (asked) => {
      const { far, connection } = await FarEnd.connected();
      const clients = [relayed(connection), relayed(connection), relayed(connection)];
      for (const [index, { client, correlationId }] of asked.entries())
        clients[client]?.relay.request(asking(`question-${index}`, correlationId));
      const inOrder = far.asked
        .map((each, index) => ({ each, order: asked[index]?.order ?? 0 }))
        .toSorted((a, b) => a.order - b.order);
      for (const { each } of inOrder) far.answerMetadata(each);
      for (const [client, { messages }] of clients.entries()) {
        const answers = messages.map((message) => {
          const { correlationId, body } = decodeResponse(metadata, 9, message);
          return `${correlationId} ${body.clusterId}`;
        });
        const expected = asked.flatMap((each, index) =>
          each.client === client ? [`${each.correlationId} question-${index}`] : [],
        );
        expect(answers.toSorted()).toEqual(expected.toSorted());
      }
      connection.close("done");
    }),
    { numRuns: 100 },
  );
});

test("whatever bytes a client sends, they end its own share at most, and the others' requests are answered", async () => {
  const sound = [asking("a", 1), subscribing(0, 0n, 2), leaving(0, 3)];
  const bent = fc
    .record({ at: fc.nat(60), to: fc.nat(255), of: fc.constantFrom(...sound), length: fc.nat(80) })
    .map(({ at, to, of, length }) => {
      const bytes = of.slice(0, Math.max(of.length - length, at < 8 ? of.length : 0));
      if (at < bytes.length) bytes[at] = to;
      return bytes;
    });
  const sent = fc.array(fc.oneof(fc.uint8Array({ maxLength: 64 }), bent), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(sent, async (messages) => {
      const { far, connection } = await FarEnd.connected();
      const [hostile, other] = [relayed(connection), relayed(connection)];
      for (const message of messages) hostile.relay.request(message.slice());
      hostile.relay.taken(Number.NaN);
      expect(hostile.closed.length).toBeLessThanOrEqual(1);
      for (const { apiKey, apiVersion } of far.asked)
        expect(connection.serves(apiKey, apiVersion), `API ${apiKey} in version ${apiVersion}`).toBe(true);
      other.relay.request(asking("still here", 7));
      const last = far.asked.at(-1);
      if (last !== undefined) far.answerMetadata(last);
      expect(decodeResponse(metadata, 9, other.messages[0] ?? new Uint8Array()).body.clusterId).toBe(
        "still here",
      );
      expect([connection.isClosed, other.closed]).toEqual([false, []]);
      connection.close("done");
    }),
    { numRuns: 500 },
  );
});

test("who shares a connection does not sign in on it, and is not told that it could", async () => {
  const { connection } = await FarEnd.connected();
  const [one, another] = [relayed(connection), relayed(connection)];
  one.relay.request(encodeRequest(apiVersions, 0, { correlationId: 4, clientId: "tab" }, {}));
  const { correlationId, body } = decodeResponse(apiVersions, 0, one.messages[0] ?? new Uint8Array());
  expect(correlationId).toBe(4);
  expect(body.apiKeys.map(({ apiKey }) => apiKey)).toEqual(
    SERVED.map(({ key }) => key).filter((key) => key !== saslHandshake.key),
  );
  another.relay.request(
    encodeRequest(saslHandshake, 1, { correlationId: 1, clientId: "tab" }, { mechanism: "OAUTHBEARER" }),
  );
  expect(another.closed).toEqual([expect.stringContaining("does not sign in")]);
  expect([connection.isClosed, one.closed]).toEqual([false, []]);
});

test("a client that follows thousands of partitions asks for them a thousand at a time, in order", async () => {
  const { far, connection } = await FarEnd.connected();
  const client = relayed(connection);
  const count = 3500;
  for (let partition = 0; partition < count; partition++)
    client.relay.request(subscribing(partition, 0n, partition));
  // It leaves one before it could be asked for.
  client.relay.request(leaving(count - 1, count));
  expect(far.asked).toHaveLength(1000);
  for (let next = far.asked[0]; next !== undefined; next = far.asked[0]) {
    expect(far.asked.length).toBeLessThanOrEqual(1000);
    far.asked.shift();
    if (next.apiKey === subscribe.key) far.answerSubscribe(next);
  }
  const correlationIds = client.messages.map((message) => new DataView(message.buffer).getInt32(0));
  expect(correlationIds.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count + 1 }, (_, id) => id));
  expect([client.closed, connection.isListening(TOPIC, 0)]).toEqual([[], true]);
  expect(connection.isListening(TOPIC, count - 1)).toBe(false);
});

test("a client that asks without end ends its own share, and what it had waiting is never sent", async () => {
  const { far, connection } = await FarEnd.connected();
  const [hostile, other] = [relayed(connection), relayed(connection)];
  for (let sent = 0; hostile.closed.length === 0; sent++) {
    expect(sent).toBeLessThan(200_000);
    hostile.relay.request(asking("x".repeat(249), sent));
  }
  expect(hostile.closed).toEqual([expect.stringContaining("requests outstanding")]);
  expect(far.asked).toHaveLength(1000);
  for (const each of far.asked.splice(0)) far.answerMetadata(each);
  expect([hostile.messages.length, far.asked.length]).toEqual([0, 0]);
  other.relay.request(asking("still here", 7));
  expect(far.asked).toHaveLength(1);
});

test("a client that takes nothing holds four MiB at most, is told that it was left behind, and holds up nobody", async () => {
  const { far, connection } = await FarEnd.connected();
  const [slow, quick] = [relayed(connection), relayed(connection)];
  for (const { relay } of [slow, quick]) relay.request(subscribing(0, 0n, 1));
  for (const each of far.asked.splice(0)) far.answerSubscribe(each);
  const mib = 1024 * 1024;
  const pushes = 20;
  for (let offset = 0n; offset < pushes; offset++) {
    far.push(0, offset, offset + 1n, mib / 2);
    quick.relay.taken(quick.messages.at(-1)?.byteLength ?? 0);
  }
  const bytesOf = (messages: readonly Uint8Array[]): number =>
    messages.reduce((sum, { byteLength }) => sum + byteLength, 0);
  expect(bytesOf(slow.messages)).toBeLessThan(5 * mib);
  // Where the other one began, and, after the pushes that it has, where they go on without it.
  expect(slow.moved).toEqual([0n, BigInt(slow.messages.length)]);
  expect(quick.messages).toHaveLength(pushes + 1);
  expect(quick.moved).toEqual([0n]);
  // One of the two is there still: nothing is unsubscribed.
  expect(far.of(unsubscribe)).toEqual([]);
  quick.relay.close();
  expect(far.of(unsubscribe)).toHaveLength(1);
});

test("what nobody follows any more is unsubscribed, once, and nothing is told after the end", async () => {
  const { far, connection } = await FarEnd.connected();
  const [one, another] = [relayed(connection), relayed(connection)];
  for (const { relay } of [one, another]) relay.request(subscribing(0, 0n, 1));
  another.relay.request(subscribing(1, 0n, 2));
  for (const each of far.asked.splice(0)) far.answerSubscribe(each);
  one.relay.close();
  one.relay.close();
  expect(far.of(unsubscribe)).toEqual([]);
  const had = one.messages.length;
  far.push(0, 0n, 1n);
  one.relay.request(asking("too late", 3));
  expect([one.messages.length, far.asked.length]).toEqual([had, 0]);
  another.relay.request(leaving(1, 4));
  const [left] = far.of(unsubscribe);
  expect(left && decodeRequest(unsubscribe, 0, left.message, left.bodyAt).subscriptions).toEqual([
    { topicId: TOPIC, partition: 1 },
  ]);
  const late = relayed(connection);
  far.drop("the gateway went");
  const later = relayed(connection);
  await connection.closed;
  await Promise.resolve();
  const why = ["the gateway went"];
  expect([one.closed, another.closed, late.closed, later.closed]).toEqual([[], why, why, why]);
});

const SEED = Number(process.env.RIVULET_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** A tab over a relay, as its link is: copied messages, in order, which it takes whenever it is awake. */
class Tab {
  isAwake = true;
  readonly seen: string[] = [];
  private readonly inbox: { readonly bytes: number; readonly hear: () => void }[] = [];

  get heldBytes(): number {
    return this.inbox.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  transport(leader: LiveConnection): OpenTransport {
    return (handler) => {
      const { connection } = leader;
      let isOver = false;
      const end = (reason: string): void => {
        if (!isOver) handler.closed(reason);
        isOver = true;
      };
      if (connection === undefined || connection.isClosed) {
        queueMicrotask(() => end("not connected"));
        return { send: () => undefined, close: () => end("closed by this side") };
      }
      const post = (bytes: number, hear: () => void): void => {
        this.inbox.push({ bytes, hear: () => !isOver && hear() });
        queueMicrotask(() => this.take());
      };
      const relay = new Relay(connection, {
        message: (bytes) =>
          post(bytes.byteLength, () => {
            handler.message(bytes.slice());
            relay.taken(bytes.byteLength);
          }),
        moved: (...place) => post(0, () => handler.moved?.(...place)),
        closed: (reason) => post(0, () => end(reason)),
      });
      queueMicrotask(() => handler.opened());
      return {
        send: (bytes) => {
          const copy = bytes.slice();
          queueMicrotask(() => relay.request(copy));
        },
        close: () => {
          relay.close();
          end("closed by this side");
        },
      };
    };
  }

  take(): void {
    while (this.isAwake) {
      const next = this.inbox.shift();
      if (next === undefined) return;
      next.hear();
    }
  }
}

test("tabs that read through one connection, asleep now and then, see every record once and in order", async () => {
  console.log(`RIVULET_SEED=${SEED}`);
  const random = seeded(SEED);
  const clock = new VirtualClock();
  const engine = loadEngine();
  const broker = new FakeBroker(engine);
  broker.pushBytesMax = 1024 * 1024;
  const topic = broker.createTopic("orders", 2);
  const leader = new Upstream({ open: broker.open, clock, random, clientId: "leader" });
  const controller = new AbortController();
  const { signal } = controller;
  const tabs = Array.from({ length: 3 }, () => new Tab());
  const upstreams = tabs.map(
    (tab) => new Upstream({ open: tab.transport(leader), clock, random, clientId: "tab" }),
  );
  const readings = tabs.flatMap(({ seen }, index) =>
    topic.partitions.map(async (_, partition) => {
      const upstream = upstreams[index];
      if (upstream === undefined) return;
      const isThere = (): Promise<boolean> => Promise.resolve(true);
      const place = { topic: "orders", topicId: topic.id, partition, from: EARLIEST };
      const bounds = { uncompressedBytesMax: 1 << 26, bufferBytesMax: 1 << 20 };
      for await (const records of subscription({ upstream, engine, ...place, ...bounds, isThere, signal }))
        seen.push(...records.map(({ offset }) => `${partition}/${offset}`));
    }),
  );
  const options = {
    codec: 0,
    producerId: -1n,
    producerEpoch: -1,
    baseSequence: -1,
    bytesMax: 1 << 21,
  } as const;
  let mostHeld = 0;
  for (let step = 0; step < 120; step++) {
    for (const tab of tabs) {
      if (random() < 0.15) tab.isAwake = !tab.isAwake;
      tab.take();
    }
    const value = new Uint8Array(Math.floor(random() * 600_000));
    topic.partitions[random() < 0.5 ? 0 : 1]?.append(
      engine.writeBatch([{ key: null, value, timestamp: 1 }], options),
    );
    if (random() < 0.03) broker.dropAll();
    broker.pushAll();
    mostHeld = Math.max(mostHeld, ...tabs.map(({ heldBytes }) => heldBytes));
    await clock.pass(Math.floor(random() * 200));
  }
  for (const tab of tabs) {
    tab.isAwake = true;
    tab.take();
  }
  const expected = topic.partitions.flatMap(({ end }, partition) =>
    Array.from({ length: Number(end) }, (_, offset) => `${partition}/${offset}`),
  );
  const all = async (): Promise<void> => {
    while (tabs.some(({ seen }) => seen.length < expected.length))
      await new Promise<void>((resolve) => clock.setTimer(50, resolve));
  };
  await clock.until(all(), 600_000);
  for (const { seen } of tabs) {
    for (const partition of [0, 1])
      expect(seen.filter((each) => each.startsWith(`${partition}/`))).toEqual(
        expected.filter((each) => each.startsWith(`${partition}/`)),
      );
  }
  // Four MiB, the push that went over them, and answers.
  expect(mostHeld).toBeLessThan(6 * 1024 * 1024);
  controller.abort();
  for (const upstream of [...upstreams, leader]) await upstream.close("done");
  await clock.until(Promise.all(readings));
});
