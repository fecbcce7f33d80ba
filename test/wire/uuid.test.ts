import { expect, test } from "vitest";
import { readUuid, writeUuid, ZERO_UUID } from "../../wire/uuid.ts";
import { Random } from "./random.ts";

test("the text is url-safe base64 without padding, and leads back to the bytes", () => {
  const random = new Random(1);
  for (let i = 0; i < 1000; i++) {
    const bytes = random.bytes(20);
    const text = readUuid(new DataView(bytes.buffer), 2);
    expect(text).toBe(Buffer.from(bytes.subarray(2, 18)).toString("base64url"));
    const again = new Uint8Array(20);
    expect(writeUuid(text, new DataView(again.buffer), 2)).toBe(true);
    expect(again.subarray(2, 18)).toEqual(bytes.subarray(2, 18));
    expect([...again.subarray(0, 2), ...again.subarray(18)]).toEqual([0, 0, 0, 0]);
  }
});

test("the zero uuid", () => {
  expect(readUuid(new DataView(new ArrayBuffer(16)), 0)).toBe(ZERO_UUID);
});

test.each([
  "",
  "A",
  `${ZERO_UUID}A`,
  "AAAAAAAAAAAAAAAAAAAA+A",
  "AAAAAAAAAAAAAAAAAAAA漢A",
  "AAAAAAAAAAAAAAAAAAAAAB",
])("no uuid: [%s]", (text) => {
  expect(writeUuid(text, new DataView(new ArrayBuffer(16)), 0)).toBe(false);
});
