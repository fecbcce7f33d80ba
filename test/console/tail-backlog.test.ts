import fc from "fast-check";
import { expect, test } from "vitest";
import { Backlog } from "../../web-client/console/tail-backlog.ts";
import type { TailRow } from "../../web-client/console/tail-buffer.ts";

function row(partition: number, offset: number, timestamp: number): TailRow {
  return { partition, offset: BigInt(offset), timestamp, key: null, value: null, headers: [] };
}

test("merging by time keeps every partition's own order, even where its times go backwards, and loses no row", () => {
  const partitions = fc.array(fc.array(fc.integer({ min: -1, max: 20 }), { maxLength: 20 }), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(partitions, (times) => {
      const lists = times.map((list, partition) => list.map((time, offset) => row(partition, offset, time)));
      const backlog = new Backlog([]);
      for (const each of lists.flat()) backlog.keep(each);
      const merged = backlog.inOrderOfTime();
      expect(merged.length).toBe(lists.flat().length);
      for (const [partition, list] of lists.entries())
        expect(merged.filter((each) => each.partition === partition)).toEqual(list);
    }),
  );
});

test("what came partition after partition is shown by time", () => {
  const backlog = new Backlog([]);
  for (const each of [row(0, 0, 1), row(0, 1, 4), row(1, 0, 2), row(1, 1, 3)]) backlog.keep(each);
  expect(backlog.inOrderOfTime().map(({ timestamp }) => timestamp)).toEqual([1, 2, 3, 4]);
});

test("a backlog is read when every partition has reached what was its end, and empty ones do not count", () => {
  const backlog = new Backlog([
    { partition: 0, offset: 5n, end: 7n },
    { partition: 1, offset: 0n, end: 0n },
    { partition: 2, offset: 0n, end: 1n },
  ]);
  for (const [partition, offset, isRead] of [
    [0, 5, false],
    [2, 0, false],
    [0, 6, true],
  ] as const) {
    backlog.note(row(partition, offset, 0));
    expect(backlog.isRead).toBe(isRead);
  }
  expect(new Backlog([{ partition: 0, offset: 3n, end: 3n }]).isRead).toBe(true);
});

test("a hole that compaction left at the end does not keep a backlog open once anything beyond it comes", () => {
  const backlog = new Backlog([{ partition: 0, offset: 0n, end: 10n }]);
  backlog.note(row(0, 8, 0));
  expect(backlog.isRead).toBe(false);
  backlog.note(row(0, 12, 0));
  expect(backlog.isRead).toBe(true);
});
