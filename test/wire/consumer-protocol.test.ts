import { expect, test } from "vitest";
import { readAssignment } from "../../wire/consumer-protocol.ts";
import { fromHex } from "./hex.ts";

// Version, one topic "orders" with partitions 0 and 2; then user data, as every client sends it.
const ASSIGNMENT = "0003 00000001 0006 6f7264657273 00000002 00000000 00000002 ffffffff";

test("an assignment of any version is read by what all versions begin with", () => {
  const bytes = fromHex(ASSIGNMENT);
  expect(readAssignment(bytes)).toEqual([{ topic: "orders", partitions: [0, 2] }]);
  expect(readAssignment(new Uint8Array(0))).toEqual([]);
});

test("an assignment that is cut short, or something else altogether, is none", () => {
  const bytes = fromHex(ASSIGNMENT);
  // What follows the topics is not read.
  for (let length = 1; length < bytes.byteLength - 4; length++)
    expect(readAssignment(bytes.subarray(0, length)), `${length} bytes`).toBeUndefined();
  expect(readAssignment(fromHex("0000 7fffffff 0001 61"))).toBeUndefined();
  expect(readAssignment(new TextEncoder().encode('{"tasks":["connector-0"]}'))).toBeUndefined();
});
