import { expect, test } from "vitest";
import { startPositions } from "../../web-client/console/tail-source.ts";

const ranges = [
  { partition: 0, from: 100n, to: 5_000n },
  { partition: 1, from: 0n, to: 3n },
  { partition: 2, from: 7n, to: 7n },
];
const offsets = (start: Parameters<typeof startPositions>[1]): bigint[] =>
  startPositions(ranges, start).map(({ offset }) => offset);

test("the newest end is shared among the partitions, and none begins outside of what can be read", () => {
  expect(offsets({ at: "newest" })).toEqual([5_000n - 167n, 0n, 7n]);
  expect(offsets({ at: "beginning" })).toEqual([100n, 0n, 7n]);
  expect(offsets({ at: "offset", offset: 200n })).toEqual([200n, 3n, 7n]);
  expect(offsets({ at: "offset", offset: 0n })).toEqual([100n, 0n, 7n]);
});

test("what was the end is told, so that a reader knows when it has caught up", () => {
  expect(startPositions(ranges, { at: "newest" }).map(({ end }) => end)).toEqual([5_000n, 3n, 7n]);
  expect(startPositions([], { at: "newest" })).toEqual([]);
});
