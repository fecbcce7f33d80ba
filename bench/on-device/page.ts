/** What runs in the tab: the same objects into the SDK and into what else a web app could keep them in, and out again. */
import { connect, json, type Replica, type Rivulet } from "../../web-client/index.ts";
import { deleteDatabases, isLive } from "../browser/connected.ts";
import { createRandom } from "../random.ts";
import { type EventStore, type OpenStore, writeWith } from "./event-store.ts";
import { deviceEvents, type DeviceEvent } from "./events.ts";
import { openLog } from "./log-store.ts";
import { openDexie, openPouch, openRows } from "./row-stores.ts";

const opens = { log: openLog, rows: openRows, dexie: openDexie, pouch: openPouch } as const;
export type StoreName = keyof typeof opens;

/** What is read: single records at random offsets, the first since random times, or all in order. */
export type ReadKind = "offset" | "time" | "scan";

export interface WriteRequest {
  readonly store: StoreName;
  readonly seed: number;
  readonly count: number;
  readonly durability: IDBTransactionDurability;
}

export interface PublishRequest {
  /** Of the gateway. */
  readonly url: string;
  readonly topic: string;
  readonly seed: number;
  readonly count: number;
}

export interface ReadRequest {
  readonly store: StoreName | "replica";
  readonly kind: ReadKind;
  readonly seed: number;
  /** How many are looked up. */
  readonly lookups: number;
}

export interface Stored {
  readonly milliseconds: number;
  /** SHA-256 of all that was read back, in order. */
  readonly hash: string;
}

const value = json<DeviceEvent>();
let filled: readonly DeviceEvent[] = [];
const readers = new Map<ReadRequest["store"], EventStore>();
let names = 0;

const page = {
  /** Objects into an empty store; then reads them back, and deletes it. */
  write: async ({ store, seed, count, durability }: WriteRequest): Promise<Stored> => {
    const events = deviceEvents(seed, count);
    writeWith(durability);
    const opened = await (opens[store] as OpenStore)(`write-${names++}`, false);
    const begin = performance.now();
    await opened.add(events);
    const last = await opened.at(count - 1);
    const milliseconds = performance.now() - begin;
    if (last?.id !== events.at(-1)?.id) throw new Error(`${store} has another record at its end`);
    const hash = await hashOf(opened);
    await opened.close();
    await deleteDatabases();
    return { milliseconds, hash };
  },

  /** Published offline: until all are safe in the outbox on the device. */
  queue: async ({ url, topic, seed, count }: PublishRequest): Promise<Stored> => {
    const events = deviceEvents(seed, count);
    const rivulet = await connect({ url, name: `queue-${names++}`, offline: true });
    const published = rivulet.topic(topic, { value });
    const begin = performance.now();
    await Promise.all(events.map((event) => published.publish({ value: event, timestamp: event.at }).queued));
    const milliseconds = performance.now() - begin;
    const kept = await rivulet.outbox.list();
    const hash = await sha256(
      kept.map((entry) => JSON.stringify(value.decode(entry.value ?? new Uint8Array()))),
    );
    await rivulet.close();
    await deleteDatabases();
    return { milliseconds, hash };
  },

  /** Published, until all are in the gateway's log and have come back into this device's replica. */
  roundTrip: async (request: PublishRequest): Promise<Stored> => {
    const events = deviceEvents(request.seed, request.count);
    const { rivulet, replica } = await kept(request);
    await replica.caughtUp();
    const into = rivulet.topic(request.topic, { value });
    const begin = performance.now();
    for (const event of events) into.publish({ value: event, timestamp: event.at });
    await holds(replica, request.count);
    const milliseconds = performance.now() - begin;
    const hash = await hashOf(readerOf(replica, () => Promise.resolve()));
    await replica.delete();
    await rivulet.close();
    await deleteDatabases();
    return { milliseconds, hash };
  },

  /** Fills all stores with what the topic has, for what is read from now on. */
  fill: async (request: PublishRequest): Promise<string[]> => {
    filled = deviceEvents(request.seed, request.count);
    const { rivulet, replica } = await kept(request);
    await replica.caughtUp();
    readers.set(
      "replica",
      readerOf(replica, () => rivulet.close()),
    );
    for (const store of ["log", "rows", "dexie"] as const) {
      const opened = await (opens[store] as OpenStore)(`read-${store}`, true);
      await opened.add(filled);
      readers.set(store, opened);
    }
    return Promise.all([...readers.values()].map(hashOf));
  },

  /** Answers milliseconds for all. */
  read: async ({ store, kind, seed, lookups }: ReadRequest): Promise<number> => {
    const reader = readers.get(store);
    if (reader === undefined) throw new Error(`${store} was not filled`);
    const random = createRandom(seed);
    const wanted = Array.from({ length: lookups }, () => random.below(filled.length));
    let wrong = 0;
    const begin = performance.now();
    if (kind === "scan") {
      let offset = 0;
      await reader.scan(({ id }) => void (wrong += id === filled[offset++]?.id ? 0 : 1));
      wrong += Math.abs(filled.length - offset);
    } else {
      for (const offset of wanted) {
        const event = filled[offset];
        const found = await (kind === "offset" ? reader.at(offset) : reader.since(event?.at ?? 0));
        if (found?.id !== event?.id) wrong += 1;
      }
    }
    const milliseconds = performance.now() - begin;
    if (wrong > 0) throw new Error(`${store} gave ${wrong} other records than were asked for`);
    return milliseconds;
  },

  empty: async (): Promise<void> => {
    for (const reader of readers.values()) await reader.close();
    await deleteDatabases();
  },
};
export type DevicePage = typeof page;
Object.assign(window, { bench: page });

type EventReplica = Replica<DeviceEvent, string>;

async function kept({ url, topic }: PublishRequest): Promise<{ rivulet: Rivulet; replica: EventReplica }> {
  const rivulet = await connect({ url, name: `kept-${names++}` });
  await isLive(rivulet);
  return { rivulet, replica: await rivulet.topic(topic, { value }).replicate() };
}

function holds(replica: EventReplica, count: number): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (replica.heldRecords >= count) resolve();
    };
    replica.addEventListener("progress", look);
    look();
  });
}

/** As an app reads. */
function readerOf(replica: EventReplica, close: () => Promise<void>): EventStore {
  const first = async (from: bigint | { timestamp: number }): Promise<DeviceEvent | undefined> => {
    for await (const record of replica.read({ partition: 0, from })) return record.value ?? undefined;
    return undefined;
  };
  return {
    add: () => Promise.reject(new Error("it is filled by publishing")),
    at: (offset) => first(BigInt(offset)),
    since: (timestamp) => first({ timestamp }),
    scan: async (visit) => {
      for await (const record of replica.read({ partition: 0 }))
        if (record.value !== null) visit(record.value);
    },
    close,
  };
}

async function hashOf(store: EventStore): Promise<string> {
  const texts: string[] = [];
  await store.scan((event) => texts.push(JSON.stringify(event)));
  return sha256(texts);
}

/** As `checksum` of the benches: twelve digits. */
async function sha256(texts: readonly string[]): Promise<string> {
  const bytes = new TextEncoder().encode(texts.map((text) => `${text};`).join(""));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0"))
    .join("")
    .slice(0, 12);
}
