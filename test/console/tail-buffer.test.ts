import { expect, test } from "vitest";
import { TailBuffer, type TailRow } from "../../web-client/console/tail-buffer.ts";

function row(offset: number, more: Partial<TailRow> = {}): TailRow {
  return {
    partition: 0,
    offset: BigInt(offset),
    timestamp: offset,
    key: null,
    value: null,
    headers: [],
    ...more,
  };
}

const offsets = (rows: readonly TailRow[]): number[] => rows.map((each) => Number(each.offset));

test("a tail that is never closed keeps the newest rows and no more", () => {
  const buffer = new TailBuffer({ rowsMax: 10, bytesMax: 1e9 });
  for (let offset = 0; offset < 1000; offset += 1) {
    buffer.push(row(offset));
    expect(buffer.rows().length).toBe(Math.min(offset + 1, 10));
    expect(buffer.rows().at(-1)?.offset).toBe(BigInt(offset));
  }
  expect(offsets(buffer.rows())).toEqual([990, 991, 992, 993, 994, 995, 996, 997, 998, 999]);
  expect(buffer.received).toBe(1000);
});

test("large values are bounded by bytes, and one larger than the bound is still shown", () => {
  const buffer = new TailBuffer({ rowsMax: 1000, bytesMax: 10_000 });
  for (let offset = 0; offset < 100; offset += 1) {
    buffer.push(row(offset, { value: new Uint8Array(2_000) }));
    const held = buffer.rows().reduce((sum, each) => sum + (each.value?.length ?? 0), 0);
    expect(held).toBeLessThanOrEqual(11_000);
  }
  buffer.push(row(100, { value: new Uint8Array(50_000) }));
  expect(offsets(buffer.rows())).toEqual([100]);
  buffer.push(row(101));
  expect(offsets(buffer.rows())).toEqual([101]);
});

test("rows taken for a paused view stay while records go on arriving", () => {
  const buffer = new TailBuffer({ rowsMax: 3, bytesMax: 1e9 });
  for (let offset = 0; offset < 3; offset += 1) buffer.push(row(offset));
  const frozen = buffer.rows();
  for (let offset = 3; offset < 30; offset += 1) buffer.push(row(offset));
  expect(offsets(frozen)).toEqual([0, 1, 2]);
  expect(buffer.received - frozen.length).toBe(27);
});

test("a full buffer says so, and is empty after clear", () => {
  const buffer = new TailBuffer({ rowsMax: 2, bytesMax: 1e9 });
  buffer.push(row(0));
  expect(buffer.isFull).toBe(false);
  buffer.push(row(1));
  expect(buffer.isFull).toBe(true);
  buffer.clear();
  expect(buffer.isFull).toBe(false);
  expect(buffer.rows()).toEqual([]);
});
