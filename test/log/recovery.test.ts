/** Damage to stored files, each kind by name: what is cut, what is refused, what is built again. */
import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../log/memory-store.ts";
import { PartitionLog } from "../../log/partition-log.ts";
import type { PartitionOptions } from "../../log/partition-types.ts";
import { decide, type SegmentCase } from "../../log/recovery.ts";
import type { Store } from "../../log/store.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import {
  appendAll,
  batchOf,
  config,
  engine,
  openLeader,
  optionsFor,
  readValues,
  START_MS,
  tickClock,
  TOPIC_ID,
} from "./harness.ts";

const LOG = "orders-0/00000000000000000000.log";
const SYNCED_END = "orders-0/synced-end";

describe("the table of recovery", () => {
  const places = ["last", "earlier"] as const;
  const endings = ["whole", "torn", "bad"] as const;
  const ends = ["reached", "above"] as const;
  const cases = places.flatMap((place) =>
    endings.flatMap((ending) =>
      ends.flatMap((syncedEnd) =>
        [true, false].map((joins): SegmentCase => ({ place, ending, syncedEnd, joins })),
      ),
    ),
  );

  // Written out by hand, not derived from the rules: place, ending, synced end, joins.
  const expected: Record<string, string> = {
    "last whole reached true": "keep",
    "last whole reached false": "keep",
    "last whole above true": "refuse",
    "last whole above false": "refuse",
    "last torn reached true": "cut",
    "last torn reached false": "cut",
    "last torn above true": "refuse",
    "last torn above false": "refuse",
    "last bad reached true": "cut",
    "last bad reached false": "cut",
    "last bad above true": "refuse",
    "last bad above false": "refuse",
    "earlier whole reached true": "keep",
    "earlier whole reached false": "refuse",
    "earlier whole above true": "keep",
    "earlier whole above false": "refuse",
    "earlier torn reached true": "refuse",
    "earlier torn reached false": "refuse",
    "earlier torn above true": "refuse",
    "earlier torn above false": "refuse",
    "earlier bad reached true": "refuse",
    "earlier bad reached false": "refuse",
    "earlier bad above true": "refuse",
    "earlier bad above false": "refuse",
  };

  it.each(cases)("decides $place $ending $syncedEnd $joins", (facts) => {
    const { place, ending, syncedEnd, joins } = facts;
    expect(decide(facts)).toBe(expected[`${place} ${ending} ${syncedEnd} ${joins}`]);
  });
});

async function open(store: Store, overrides: Partial<PartitionOptions> = {}): Promise<PartitionLog> {
  return openLeader(store, overrides, 1);
}

/** A store with these files in it. */
async function storeOf(files: Iterable<readonly [string, Uint8Array]>): Promise<MemoryStore> {
  const store = new MemoryStore();
  for (const [name, bytes] of files) await store.write(name, bytes);
  return store;
}

async function filesOf(store: Store): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const name of await store.list("")) files.set(name, (await store.read(name)) ?? new Uint8Array(0));
  return files;
}

/** A partition with these values, each batch synced, then left as a crash would: nothing closed. */
async function crashed(
  values: readonly string[],
  settings: Record<string, number> = {},
): Promise<Map<string, Uint8Array>> {
  const store = new MemoryStore();
  const log = await openLeader(store, { config: config(settings), clock: tickClock });
  for (const [at, value] of values.entries()) {
    await appendAll(log, [
      batchOf([value], { producerId: 3n, producerEpoch: 0, baseSequence: at, timestamp: START_MS + at }),
    ]);
  }
  // The note of the synced end follows the sync.
  for (let tick = 0; tick < 10; tick++) await new Promise((resolve) => setImmediate(resolve));
  return filesOf(store);
}

async function refusalOf(store: Store, overrides: Partial<PartitionOptions> = {}): Promise<KafkaError> {
  const before = await filesOf(store);
  try {
    await open(store, overrides);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    expect(error.code).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    const logs = (files: Map<string, Uint8Array>) => [...files].filter(([name]) => name.endsWith(".log"));
    expect(logs(await filesOf(store))).toEqual(logs(before));
    return error;
  }
  throw new Error("the damage was not noticed");
}

const VALUES = Array.from({ length: 12 }, (_, at) => `value number ${at}`);

describe("recovery of a segment's end", () => {
  it("cuts a segment that ends at any byte back to a batch's end, when nothing above it is known to be synced", async () => {
    const values = VALUES.slice(0, 5);
    const files = await crashed(values);
    const whole = files.get(LOG) ?? new Uint8Array(0);
    const ends = boundaries(whole);
    for (let length = 0; length <= whole.length; length++) {
      const store = await storeOf([...files].filter(([name]) => name !== SYNCED_END));
      await store.write(LOG, whole.subarray(0, length));
      const log = await open(store);
      const kept = ends.filter((end) => end <= length).length;
      const valid = ends[kept - 1] ?? 0;
      expect(log.logEndOffset).toBe(BigInt(kept));
      expect(log.recovery).toMatchObject({ how: "scanned", validBytes: valid, droppedBytes: length - valid });
      expect((await store.read(LOG))?.length).toBe(valid);
      await appendAll(log, [batchOf(["after"])]);
      expect(await readValues(log)).toEqual(
        [...values.slice(0, kept), "after"].map((value, at) => [BigInt(at), value]),
      );
      await log.close();
    }
  });

  it("refuses a segment that ends below what was synced, wherever it is cut, and says what to do", async () => {
    const files = await crashed(VALUES);
    const whole = files.get(LOG) ?? new Uint8Array(0);
    for (let length = 0; length < whole.length; length += 7) {
      const store = await storeOf(files);
      await store.write(LOG, whole.subarray(0, length));
      const { message } = await refusalOf(store);
      expect(message).toContain(LOG);
      expect(message).toContain("synced-end");
    }
  });

  it("notices every flipped byte of a stored batch", async () => {
    const files = await crashed(VALUES.slice(0, 3));
    const whole = files.get(LOG) ?? new Uint8Array(0);
    const [first = 0, second = 0] = boundaries(whole);
    // The last batch is the one whose offset nothing after it can betray.
    for (const [from, to] of [
      [first, second],
      [second, whole.length],
    ] as const) {
      for (let at = from; at < to; at++) {
        for (const mask of [0x01, 0x80, 0xff]) {
          const damaged = whole.slice();
          damaged[at] = (damaged[at] ?? 0) ^ mask;
          const store = await storeOf(files);
          await store.write(LOG, damaged);
          const { message } = await refusalOf(store, { ledUpTo: 0 });
          expect(message).toContain(`damaged at byte ${from}`);
        }
      }
    }
  });

  it("cuts a hole above the synced end with the sound batches behind it, and says so", async () => {
    const files = await crashed(VALUES);
    const whole = files.get(LOG) ?? new Uint8Array(0);
    const holed = whole.slice();
    const ends = boundaries(whole);
    holed.fill(0, (ends[4] ?? 0) + 20, (ends[4] ?? 0) + 40);
    const store = await storeOf([...files].filter(([name]) => name !== SYNCED_END));
    await store.write(LOG, holed);
    const warnings: string[] = [];
    const log = { info: () => {}, warn: (message: string) => void warnings.push(message), error: () => {} };
    const partition = await open(store, { log });
    expect(partition.logEndOffset).toBe(5n);
    expect(partition.recovery.droppedBytes).toBe(whole.length - (ends[4] ?? 0));
    expect(warnings.join()).toContain(`${partition.recovery.droppedBytes} bytes`);
  });

  it("takes a length beyond the end of the segment for a torn tail", async () => {
    const files = await crashed(VALUES);
    const whole = files.get(LOG) ?? new Uint8Array(0);
    const tail = batchOf(["never finished"]);
    new DataView(tail.buffer).setInt32(8, 50_000_000);
    const store = await storeOf(files);
    await store.write(LOG, joined(whole, tail));
    const log = await open(store);
    expect(log.logEndOffset).toBe(12n);
    expect(log.recovery.droppedBytes).toBe(tail.length);
  });

  it("refuses a partition whose segments were taken away", async () => {
    const files = await crashed(VALUES);
    files.delete(LOG);
    expect((await refusalOf(await storeOf(files))).message).toContain("the segments are gone");
  });

  it("accepts the loss that the refusal's text describes, once that was done", async () => {
    const files = await crashed(VALUES);
    const whole = files.get(LOG) ?? new Uint8Array(0);
    const damaged = whole.slice();
    const [, second = 0] = boundaries(whole);
    damaged[second + 70] = 0;
    const store = await storeOf(files);
    await store.write(LOG, damaged);
    const { message: said } = await refusalOf(store);
    const position = Number(/damaged at byte (\d+)/.exec(said)?.[1]);
    expect(position).toBe(second);
    await store.write(LOG, damaged.subarray(0, position));
    const [, begin = ""] = /lines that begin with "(.+?)" out of orders-0\/synced-end/.exec(said) ?? [];
    const lines = new TextDecoder().decode(await store.read(SYNCED_END)).split("\n");
    const left = lines.filter((line) => !line.startsWith(begin));
    await store.write(SYNCED_END, new TextEncoder().encode(left.join("\n")));
    expect(await readValues(await open(store))).toEqual([
      [0n, VALUES[0]],
      [1n, VALUES[1]],
    ]);
  });

  it("reads the synced end past a note that was cut short, and goes on noting", async () => {
    const files = await crashed(VALUES);
    const notes = files.get(SYNCED_END) ?? new Uint8Array(0);
    expect(notes.length).toBeGreaterThan(0);
    files.set(SYNCED_END, joined(notes, Uint8Array.of(1, 2, 3)));
    const store = await storeOf(files);
    const log = await open(store);
    await appendAll(log, [batchOf(["more"])]);
    await log.close();
    const lines = new TextDecoder().decode(await store.read(SYNCED_END));
    expect(lines).toMatch(
      new RegExp(`^(${TOPIC_ID} 0 1[23] - [0-9a-f]{8}\n)*${TOPIC_ID} 0 13 [0-9a-f]{8} [0-9a-f]{8}\n$`),
    );
  });
});

describe("recovery across segments", () => {
  const settings = { "segment.bytes": 400, "index.interval.bytes": 100 };
  const many = Array.from({ length: 40 }, (_, at) => `value number ${at}`);

  it("rebuilds lost, cut and scrambled indexes of every segment", async () => {
    const files = await crashed(many, settings);
    const indexes = [...files.keys()].filter((name) => name.endsWith("index"));
    expect(indexes.length).toBeGreaterThan(10);
    const damages: ((bytes: Uint8Array) => Uint8Array | undefined)[] = [
      () => undefined,
      (bytes) => bytes.subarray(0, Math.max(0, bytes.length - 3)),
      (bytes) => bytes.map((_, at) => (at * 37) & 127),
      () => new Uint8Array(0),
    ];
    for (const damage of damages) {
      for (const clean of [false, true]) {
        const store = await storeOf(files);
        for (const name of indexes) {
          const bytes = damage(files.get(name) ?? new Uint8Array(0));
          if (bytes === undefined) await store.delete([name]);
          else await store.write(name, bytes);
        }
        const log = await open(store, { config: config(settings), clean });
        for (let offset = 0n; offset < 40n; offset += 3n) {
          expect((await readValues(log, offset, 1))[0]).toEqual([offset, many[Number(offset)]]);
          const found = await log.offsetForTimestamp(BigInt(START_MS) + offset);
          expect(found?.offset).toBe(offset);
        }
      }
    }
  });

  it("refuses a closed segment that lost its end, its middle file, or a byte of a header's length", async () => {
    const files = await crashed(many, settings);
    const logs = [...files.keys()].filter((name) => name.endsWith(".log"));
    const [, second = "", third = ""] = logs;
    const bytes = files.get(second) ?? new Uint8Array(0);
    const damages: [string, (store: Store) => Promise<void>][] = [
      ["cut at a batch's end", (store) => store.write(second, bytes.subarray(0, boundaries(bytes).at(-2)))],
      ["cut within a batch", (store) => store.write(second, bytes.subarray(0, bytes.length - 5))],
      ["gone", (store) => store.delete([third])],
      ["emptied", (store) => store.write(second, new Uint8Array(0))],
      [
        "a length",
        (store) =>
          store.write(
            second,
            bytes.map((value, at) => (at === 10 ? 1 : value)),
          ),
      ],
    ];
    for (const [what, damage] of damages) {
      const store = await storeOf(files);
      await store.delete((await store.list("")).filter((name) => name.endsWith("index")));
      await damage(store);
      expect([what, (await refusalOf(store, { config: config(settings) })).message]).toEqual([
        what,
        expect.stringContaining(second),
      ]);
    }
  });

  it("knows producers after a crash from the last snapshot on, and without any snapshot", async () => {
    const files = await crashed(many, settings);
    const snapshots = [...files.keys()].filter((name) => name.endsWith(".snapshot"));
    expect(snapshots.length).toBeGreaterThan(5);
    const variants: ((store: Store) => Promise<void>)[] = [
      () => Promise.resolve(),
      (store) => store.delete(snapshots),
      (store) => store.write(snapshots.at(-1) ?? "", Uint8Array.of(1, 2, 3)),
      (store) => store.write("orders-0/leader-epoch-checkpoint", Uint8Array.of(1, 2, 3)),
    ];
    for (const change of variants) {
      const store = await storeOf(files);
      await change(store);
      const log = await open(store, { config: config(settings) });
      for (let at = 35; at < 40; at++) {
        const again = log.append(
          batchOf([many[at] ?? ""], { producerId: 3n, producerEpoch: 0, baseSequence: at }),
        );
        expect(again).toMatchObject({ duplicate: true, baseOffset: BigInt(at) });
      }
      expect(() =>
        log.append(batchOf(["gap"], { producerId: 3n, producerEpoch: 0, baseSequence: 41 })),
      ).toThrow(/expected 40/);
      expect(
        log.append(batchOf(["next"], { producerId: 3n, producerEpoch: 0, baseSequence: 40 })).baseOffset,
      ).toBe(40n);
      expect(log.endOffsetForEpoch(0)).toEqual({ epoch: 0, endOffset: 40n });
    }
  });

  it("deletes indexes without a segment and snapshots beyond the end", async () => {
    const files = await crashed(VALUES);
    files.set("orders-0/00000000000000000099.index", new Uint8Array(8));
    files.set("orders-0/00000000000000000099.timeindex", new Uint8Array(12));
    files.set("orders-0/00000000000000000099.snapshot", new Uint8Array(10));
    const store = await storeOf(files);
    await open(store);
    expect((await store.list("")).filter((name) => name.includes("99"))).toEqual([]);
  });

  it("does not believe a clean shutdown that does not add up", async () => {
    const store = new MemoryStore();
    const first = await openLeader(store);
    await appendAll(
      first,
      VALUES.map((value) => batchOf([value])),
    );
    await first.close();
    const files = await filesOf(store);
    const longer = joined(files.get(LOG) ?? new Uint8Array(0), batchOf(["unfinished"]).subarray(0, 50));
    const appended = await storeOf([...files, [LOG, longer]]);
    const log = await open(appended, { clean: true });
    expect(log.recovery).toMatchObject({ how: "scanned", droppedBytes: 50 });
    expect(log.logEndOffset).toBe(12n);
    const shorter = await storeOf([...files, [LOG, longer.subarray(0, 100)]]);
    await refusalOf(shorter, { clean: true });
  });
});

describe("the indexes that are built while appending", () => {
  it("are the ones that the engine's scanner builds", async () => {
    const settings = { "index.interval.bytes": 150 };
    const store = new MemoryStore();
    const live = await openLeader(store, { config: config(settings) });
    for (let at = 0; at < 200; at++) {
      const timestamp = START_MS + ((at * 7919) % 500);
      await appendAll(live, [batchOf(["x".repeat((at * 31) % 90)], { timestamp })]);
    }
    const scannedStore = await storeOf(await filesOf(store));
    await live.close();
    await (await PartitionLog.open(optionsFor(scannedStore, { config: config(settings) }))).close();
    for (const kind of ["index", "timeindex"]) {
      const name = `orders-0/00000000000000000000.${kind}`;
      const bytes = await store.read(name);
      expect(bytes?.length).toBeGreaterThan(kind === "index" ? 400 : 12);
      expect(await scannedStore.read(name)).toEqual(bytes);
    }
  });
});

/** Where each batch ends. */
function boundaries(bytes: Uint8Array): number[] {
  const scanner = engine.scanner({
    baseOffset: 0n,
    nextOffset: 0n,
    position: 0,
    indexIntervalBytes: 0,
    batchBytesMax: 1024 * 1024,
  });
  scanner.feed(bytes);
  return scanner.batches.map(({ position, bytes: size }) => position + size);
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
