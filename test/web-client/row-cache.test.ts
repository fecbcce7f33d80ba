import { expect, test } from "vitest";
import { RowCache } from "../../web-client/row-cache.ts";

const MEBIBYTE = 1024 * 1024;

test("finds the row that a byte lies in, of this file and no other", () => {
  const cache = new RowCache();
  cache.add("a", { position: 0, bytes: new Uint8Array(10) });
  cache.add("a", { position: 10, bytes: new Uint8Array(5) });
  cache.add("b", { position: 15, bytes: new Uint8Array(5) });
  expect([0, 9, 10, 14, 15].map((position) => cache.find("a", position)?.position)).toEqual([
    0,
    0,
    10,
    10,
    undefined,
  ]);
});

test("holds a few mebibytes: what was used longest ago goes first", () => {
  const cache = new RowCache();
  for (let at = 0; at < 4; at++) cache.add("a", { position: at * MEBIBYTE, bytes: new Uint8Array(MEBIBYTE) });
  expect(cache.find("a", 0)?.position).toBe(0);
  cache.add("a", { position: 4 * MEBIBYTE, bytes: new Uint8Array(MEBIBYTE) });
  const held = [0, 1, 2, 3, 4].filter((at) => cache.find("a", at * MEBIBYTE) !== undefined);
  expect(held).toEqual([0, 2, 3, 4]);
});

test("many small rows are bounded by their number", () => {
  const cache = new RowCache();
  for (let at = 0; at < 1000; at++) cache.add("a", { position: at, bytes: new Uint8Array(1) });
  expect(cache.find("a", 900)).toBeUndefined();
  expect(cache.find("a", 999)).toBeDefined();
});

test("a row that has grown takes the place of what it was", () => {
  const cache = new RowCache();
  cache.add("a", { position: 0, bytes: new Uint8Array(10) });
  cache.add("a", { position: 0, bytes: new Uint8Array(20) });
  expect(cache.find("a", 5)?.bytes).toHaveLength(20);
});

test("what is forgotten is not found, and who has read before is told by the age", () => {
  const cache = new RowCache();
  const { age } = cache;
  cache.add("a", { position: 0, bytes: new Uint8Array(10) });
  cache.add("b", { position: 0, bytes: new Uint8Array(10) });
  expect(cache.age).toBe(age);
  cache.forget("a");
  expect(cache.age).not.toBe(age);
  expect([cache.find("a", 0), cache.find("b", 0)?.position]).toEqual([undefined, 0]);
});
