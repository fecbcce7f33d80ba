/** Which bytes of a file are read on the event loop: those that cannot make it wait for the disk. */
import { expect, it } from "vitest";
import { FreshBytes } from "../../gateway/store/fresh-bytes.ts";

it("bytes that an earlier process wrote are never fresh", () => {
  const fresh = new FreshBytes();
  expect(fresh.has(0, 0)).toBe(false);
  fresh.wrote(100, 1000);
  expect([fresh.has(99, 1000), fresh.has(100, 1000), fresh.has(5000, 1000)]).toEqual([false, true, true]);
});

it("the loop does not wait for a disk that has to read what was written long ago, however busy the file", () => {
  const fresh = new FreshBytes();
  for (let nowMs = 0; nowMs <= 60_000; nowMs += 100) fresh.wrote(nowMs, nowMs);
  expect(fresh.has(60_000, 60_000)).toBe(true);
  expect(fresh.has(50_000, 60_000)).toBe(false);
  expect(fresh.has(60_000, 75_000)).toBe(false);
});

it("what was cut off and written anew is fresh, and what was before the cut is not", () => {
  const fresh = new FreshBytes();
  fresh.wrote(100, 0);
  fresh.cut(50);
  fresh.wrote(50, 1);
  expect([fresh.has(49, 1), fresh.has(50, 1)]).toEqual([false, true]);
});

it("a clock that is set back makes nothing fresh", () => {
  const fresh = new FreshBytes();
  fresh.wrote(0, 1_000_000);
  expect(fresh.has(0, 1000)).toBe(false);
  fresh.wrote(10, 1000);
  expect([fresh.has(9, 1000), fresh.has(10, 1000)]).toEqual([false, true]);
});
