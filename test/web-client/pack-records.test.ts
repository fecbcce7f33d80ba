/** Records of one go, packed together, are byte for byte what they are one by one. */
import { expect, test } from "vitest";
import { countOf } from "../../sync/record-run.ts";
import { cutRun, eachRecord, headerBytes } from "../../sync/run-records.ts";
import { encodeRecord, textRecord } from "../../web-client/core/encode-record.ts";
import { packRecords } from "../../web-client/core/pack-records.ts";
import { bytes, json, text, textOf } from "../../web-client/core/serializer.ts";
import type { PublishRecord } from "../../web-client/core/api.ts";
import { seeded } from "../sync/virtual-clock.ts";

const CODEC = { key: text(), value: text() };

/** What arrives of records that are packed, beside what each is alone. */
function packedAndAlone(records: readonly PublishRecord<string, string>[]) {
  const run = packRecords(records.map((record) => textRecord(record, CODEC)));
  const packed = eachRecord(run, ({ key, value, headers, timestamp }) => ({
    key: key && Buffer.from(key).toString("hex"),
    value: value && Buffer.from(value).toString("hex"),
    headers,
    timestamp,
  }));
  const alone = records.map((record) => {
    const { key, value, headers, timestamp } = encodeRecord(record, CODEC);
    return {
      key: key && Buffer.from(key).toString("hex"),
      value: value && Buffer.from(value).toString("hex"),
      headers,
      timestamp,
    };
  });
  return { run, packed, alone };
}

test("halves of a character that end one text and begin the next do not become one character", () => {
  const values = ["a\ud83e", "\uded6b", "\ud83e", "\uded6", "🫖"];
  const { packed, alone } = packedAndAlone(values.map((value) => ({ key: value, value })));
  expect(packed).toEqual(alone);
  expect(packed[0]?.value).toBe("61efbfbd");
});

test.each([
  ["ASCII", ["a", "bc", "x".repeat(1000)]],
  ["empty values, and none", ["", null, "", "a", null]],
  ["nothing but empty ones", ["", "", null]],
  ["other scripts", ["ß", "水", "🫖", "a", "\u0000", "\uffff"]],
  [
    "one that is not ASCII among many that are",
    ["x", "ü", "y"].flatMap((text) => Array.from({ length: text === "ü" ? 1 : 500 }, () => text)),
  ],
  [
    "values larger than what is encoded together",
    ["x".repeat(100_000), "ü".repeat(100_000), "🫖".repeat(70_000)],
  ],
  ["a single one", ["a"]],
  ["none", []],
] as const)("%s", (_name, values: readonly (string | null)[]) => {
  const { run, packed, alone } = packedAndAlone(values.map((value) => ({ key: value, value })));
  expect(packed).toEqual(alone);
  expect(countOf(run)).toBe(values.length);
  // In memory of its own: nothing else goes with it to another thread.
  expect(run.bytes.buffer.byteLength).toBe(run.bytes.byteLength);
});

test("keys, headers and times stay with their records", () => {
  const header = { key: "h", value: Uint8Array.of(1) };
  const { packed, alone, run } = packedAndAlone([
    { key: null, value: "a", timestamp: 0 },
    { value: null, headers: [header], timestamp: 1.5 },
    { key: "k", value: "b" },
  ]);
  expect(packed).toEqual(alone);
  expect(run.headers).toHaveLength(3);
});

test("bytes and texts may be mixed, and what an app's own serializer makes is taken as it is", () => {
  const upper = { ...text(), encode: (value: string) => Buffer.from(value.toUpperCase()) };
  expect(textOf(upper)).toBeUndefined();
  const codec = { key: json<{ id: number }>(), value: upper };
  const run = packRecords(["a", "b"].map((value, id) => textRecord({ key: { id }, value }, codec)));
  expect(Buffer.from(run.bytes).toString()).toBe('{"id":0}A{"id":1}B');
  const given = Uint8Array.of(1, 2);
  const raw = packRecords([textRecord({ value: given }, { key: text(), value: bytes() })]);
  given.fill(9);
  expect([...raw.bytes]).toEqual([1, 2]);
});

test("a value without a JSON form is refused when it is published", () => {
  const codec = { key: text(), value: json<unknown>() };
  for (const value of [undefined, () => 1, Symbol("s")])
    expect(() => textRecord({ value }, codec)).toThrow("no JSON form");
});

test("texts of any kind at random, in one go and cut into pieces (seed 7)", () => {
  const random = seeded(7);
  const below = (bound: number): number => Math.floor(random() * bound);
  const characters = ["a", "b", "\ud83e", "\uded6", "ß", "水", "🫖", "\u0000"];
  for (let round = 0; round < 200; round++) {
    const isPlain = random() < 0.5;
    const any = (): string =>
      Array.from({ length: below(20) }, () => characters[below(isPlain ? 2 : characters.length)]).join("");
    const records = Array.from({ length: below(60) }, () => ({
      key: random() < 0.3 ? null : any(),
      value: random() < 0.1 ? null : any(),
      ...(random() < 0.5 && { timestamp: below(1e9) }),
    }));
    const { run, packed, alone } = packedAndAlone(records);
    expect(packed).toEqual(alone);
    const [recordsMax, bytesMax] = [1 + below(10), 1 + below(60)];
    const pieces = [...cutRun(run, recordsMax, bytesMax)];
    const again = pieces.flatMap((piece) =>
      eachRecord(piece, ({ key, value, timestamp }) => ({
        key: key && Buffer.from(key).toString("hex"),
        value: value && Buffer.from(value).toString("hex"),
        timestamp,
      })),
    );
    expect(again).toEqual(packed.map(({ key, value, timestamp }) => ({ key, value, timestamp })));
    for (const piece of pieces) {
      expect(countOf(piece)).toBeLessThanOrEqual(recordsMax);
      if (countOf(piece) > 1) expect(piece.bytes.byteLength).toBeLessThanOrEqual(bytesMax);
    }
  }
});

test("headers count in what goes together: a run of many large ones is cut where it is full", () => {
  const value = new Uint8Array(400);
  const records = Array.from({ length: 50 }, (_, index) => ({
    key: null,
    value: "v".repeat(100),
    headers: index % 2 === 0 ? [{ key: "trace", value }] : [],
  }));
  const pieces = [...cutRun(packRecords(records), 1000, 1500)];
  for (const piece of pieces) {
    const bytes = eachRecord(piece, ({ value: its, headers }) => (its?.length ?? 0) + headerBytes(headers));
    expect(bytes.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(1500);
  }
  // Two with headers and two without, and no more.
  expect(pieces.map(countOf)).toEqual([...Array.from({ length: 12 }, () => 4), 2]);
});
