import { describe, expect, it } from "vitest";
import { checksum } from "../../bench/checksum.ts";
import { clickStreamBytes, clickStreamRecords } from "../../bench/click-stream.ts";

const SEED = 7;

describe("the click stream", () => {
  it("is the same for one seed and another for the next", () => {
    const hash = (seed: number): string => checksum([clickStreamBytes(seed, 100_000)]);
    expect(hash(SEED)).toBe(hash(SEED));
    expect(hash(SEED)).not.toBe(hash(SEED + 1));
  });

  it("has exactly as many bytes as were asked for, in a memory of its own", () => {
    const bytes = clickStreamBytes(SEED, 12_345);
    expect(bytes.length).toBe(12_345);
    expect(bytes.buffer.byteLength).toBe(12_345);
  });

  it("makes records of one size that are JSON and differ", () => {
    const records = clickStreamRecords(SEED, 64, 1024);
    expect(new Set(records.map((record) => record.length))).toEqual(new Set([1024]));
    expect(new Set(records.map((record) => checksum([record]))).size).toBe(64);
    const events: unknown[] = records.flatMap(
      (record) => JSON.parse(new TextDecoder().decode(record)) as unknown[],
    );
    expect(events.length).toBeGreaterThanOrEqual(64);
  });
});
