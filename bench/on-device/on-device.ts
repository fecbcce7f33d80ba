/**
 * Objects of an app on the device, in one page of a real Chromium: from the objects to records that can be read by offset, and
 * the reading, against a row per record in IndexedDB itself and in the libraries that apps use for it.
 */
import type { BenchSettings, Mode } from "../bench.ts";
import { BenchPage, openChromium, withoutChromium } from "../browser/chromium.ts";
import { servePage } from "../browser/page-server.ts";
import { checksum } from "../checksum.ts";
import { withCleanup, type Defer } from "../cleanup.ts";
import { startGateway } from "../gateway-process.ts";
import { produceRecords } from "../produce/produce-records.ts";
import { interleave, ratio, type Contender, type Rounds } from "../harness.ts";
import type { Aim, BenchReport, Table } from "../report.ts";
import { deviceEvents } from "./events.ts";
import type { DevicePage, ReadKind, ReadRequest, Stored, StoreName } from "./page.ts";

interface Size extends Rounds {
  readonly count: number;
  /** Of those that go through the outbox, which is slower by its nature. */
  readonly published: number;
  /** Of those that are read: more than the SDK holds in memory of what it has read. */
  readonly kept: number;
  readonly lookups: number;
}
const sizes: Readonly<Record<Mode, Size>> = {
  full: { count: 20_000, published: 20_000, kept: 60_000, lookups: 200, warmups: 1, rounds: 5 },
  small: { count: 1000, published: 200, kept: 1000, lookups: 10, warmups: 0, rounds: 1 },
};

const RECORDS = "records/s";
const DEXIE = "Dexie";
const LOG = "Rivulet: a replica's log";
const QUEUED = "Rivulet: published, safe in the outbox";
const writers: Readonly<Record<string, StoreName>> = {
  [LOG]: "log",
  "IndexedDB, a row per record": "rows",
  [DEXIE]: "dexie",
  PouchDB: "pouch",
};
const readers: Readonly<Record<string, ReadRequest["store"]>> = {
  "Rivulet: replica.read": "replica",
  [LOG]: "log",
  "IndexedDB, a row per record": "rows",
  [DEXIE]: "dexie",
};
const reads: Readonly<Record<string, ReadKind>> = {
  "by offset/s": "offset",
  "by time/s": "time",
  "scanned/s": "scan",
};

interface Ground {
  readonly page: BenchPage<DevicePage>;
  readonly settings: BenchSettings;
  /** Makes a topic. */
  readonly topic: () => Promise<{ url: string; topic: string; kafkaPort: number }>;
}

export function onDeviceBench(settings: BenchSettings): Promise<BenchReport> {
  return withCleanup((defer) => onDevice(settings, defer));
}

async function onDevice(settings: BenchSettings, defer: Defer): Promise<BenchReport> {
  const name = "objects on the device";
  const browser = await openChromium(defer);
  if (typeof browser === "string") return withoutChromium(name, browser);
  const server = await servePage(settings, "on-device");
  defer(() => server.close());
  const gateway = await startGateway(settings, ["--allow-origin", server.origin]);
  defer(() => gateway.stop());
  const page = new BenchPage<DevicePage>(await browser.newPage());
  await page.load(server.origin);
  let topics = 0;
  const ground: Ground = {
    page,
    settings,
    topic: async () => {
      const { topic, port, kafkaPort } = await gateway.createTopic(`on-device-${topics++}`);
      return { topic, kafkaPort, url: `http://127.0.0.1:${port}` };
    },
  };
  const { count, published } = sizes[settings.mode];
  const relaxed = await writing(ground, "relaxed");
  const strict = await writing(ground, "strict");
  return {
    name,
    tables: [relaxed, strict, await reading(ground)],
    aims: settings.mode === "full" ? [aimOf(relaxed, LOG), aimOf(strict, LOG), aimOf(strict, QUEUED)] : [],
    notes: [
      `in Chromium ${browser.version()}`,
      "a replica's log, which no app calls: json() of each object, record batches of 1000, their CRC taken and checked, stored; in the page's thread, as all but the next two",
      "through the outbox: publish() of each, in the SDK's worker, strict in the outbox whatever the others do; the replica that it comes back into is relaxed",
      "a browser's default is relaxed, and that of all contenders but the outbox; strict is asked of all alike",
    ],
    counts: { records: count, published },
    hash: checksum(deviceEvents(settings.seed, count).map((event) => JSON.stringify(event))),
  };
}

/** Objects to records that are read by offset. */
async function writing(ground: Ground, durability: "relaxed" | "strict"): Promise<Table> {
  const { page, settings, topic } = ground;
  const { seed } = settings;
  const { count, published, ...rounds } = sizes[settings.mode];
  const contenders: Contender[] = Object.entries(writers).map(([name, store]) => ({
    name,
    round: () => measured(settings, count, page.call("write", { store, seed, count, durability })),
  }));
  const through = (name: string, call: "queue" | "roundTrip"): Contender => ({
    name,
    round: async () => {
      const { url, topic: into } = await topic();
      return measured(settings, published, page.call(call, { url, topic: into, seed, count: published }));
    },
  });
  if (durability === "strict") {
    contenders.push(through(QUEUED, "queue"));
    contenders.push(through("Rivulet: published, and back from the gateway", "roundTrip"));
  }
  const results = await interleave(contenders, rounds);
  return {
    title: `objects stored, ${durability}`,
    metrics: [RECORDS],
    ratioTo: DEXIE,
    cases: [{ name: `${count} at once`, results }],
  };
}

async function measured(
  { seed }: BenchSettings,
  count: number,
  stored: Promise<Stored>,
): Promise<{ [RECORDS]: number }> {
  const { milliseconds, hash } = await stored;
  checkHash(hash, seed, count);
  return { [RECORDS]: (count * 1000) / milliseconds };
}

function checkHash(hash: string, seed: number, count: number): void {
  const wanted = checksum(deviceEvents(seed, count).map((event) => JSON.stringify(event)));
  if (hash !== wanted) throw new Error(`what was read back has the hash ${hash}, and should have ${wanted}`);
}

async function reading({ page, settings, topic }: Ground): Promise<Table> {
  const { seed } = settings;
  const { kept: count, lookups, ...rounds } = sizes[settings.mode];
  const place = await topic();
  const encoder = new TextEncoder();
  await produceRecords(
    { root: settings.root, ...place },
    deviceEvents(seed, count).map((event) => ({
      key: null,
      value: encoder.encode(JSON.stringify(event)),
      timestamp: event.at,
    })),
  );
  const { url, topic: name } = place;
  for (const hash of await page.call("fill", { url, topic: name, seed, count })) checkHash(hash, seed, count);
  const contenders = Object.entries(readers).map(([name, store]) => ({
    name,
    round: async () => {
      const sample: Record<string, number> = {};
      for (const [metric, kind] of Object.entries(reads)) {
        const read = kind === "scan" ? count : lookups;
        sample[metric] = (read * 1000) / (await page.call("read", { store, kind, seed, lookups }));
      }
      return sample;
    },
  }));
  const results = await interleave(contenders, rounds);
  await page.call("empty", undefined);
  return {
    title: "records read",
    metrics: Object.keys(reads),
    ratioTo: DEXIE,
    cases: [{ name: `of ${count}`, results }],
  };
}

function aimOf({ title, cases }: Table, contender: string): Aim {
  const results = cases[0]?.results ?? [];
  return {
    what: `${title}, ${contender}, times ${DEXIE}`,
    sense: "at least",
    bound: 40,
    value: ratio(results, RECORDS, contender, DEXIE),
  };
}
