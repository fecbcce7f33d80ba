import { readFileSync } from "node:fs";
import { crc32c } from "@node-rs/crc32";
import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../wire/errors.ts";
import { decodePush, encodePushHeader, isPush, PUSH_HEADER_BYTES } from "../../wire/push.ts";
import { fromHex, toHex } from "./hex.ts";

/** The bytes of the worked example in PROTOCOL.md: the hex digits in front of two spaces, line by line. */
function workedExample(): Uint8Array {
  const text = readFileSync(new URL("../../wire/PROTOCOL.md", import.meta.url), "utf8");
  const block = /```push\n([^`]*)```/.exec(text)?.[1];
  if (block === undefined) throw new Error("PROTOCOL.md has lost its worked example");
  return fromHex(block.replaceAll(/ {2,}.*$/gm, ""));
}

const EXAMPLE = {
  errorCode: ErrorCode.NONE,
  topicId: "AAECAwQFBgcICQoLDA0ODw",
  partition: 3,
  leaderEpoch: 7,
  highWatermark: 1002n,
  lastStableOffset: 1002n,
  from: 1000n,
  to: 1002n,
};

test("the worked example of PROTOCOL.md is what is written and read", () => {
  const message = workedExample();
  expect(toHex(encodePushHeader(EXAMPLE))).toBe(toHex(message.subarray(0, PUSH_HEADER_BYTES)));
  const { records, ...header } = decodePush(message);
  expect(header).toEqual(EXAMPLE);
  expect(isPush(message)).toBe(true);
  // The batch at the end is a sound one: base offset, length to the end of the frame, magic, CRC.
  const batch = new DataView(records.buffer, records.byteOffset, records.byteLength);
  expect(batch.getBigInt64(0)).toBe(EXAMPLE.from);
  expect(batch.getInt32(8)).toBe(records.byteLength - 12);
  expect(batch.getInt8(16)).toBe(2);
  expect(crc32c(records.subarray(21))).toBe(batch.getUint32(17));
});

test("records are a view on the message, and may be none", () => {
  const message = new Uint8Array(PUSH_HEADER_BYTES + 5);
  message.set(encodePushHeader(EXAMPLE));
  expect(decodePush(message).records.buffer).toBe(message.buffer);
  expect(decodePush(message.subarray(0, PUSH_HEADER_BYTES)).records).toHaveLength(0);
});

test("an answer is no Push", () => {
  expect(isPush(fromHex("00000001 00"))).toBe(false);
  expect(isPush(fromHex("ffffff"))).toBe(false);
  expect(() => decodePush(new Uint8Array(100))).toThrowError(/correlation id 0/);
});

describe("refused", () => {
  test("a frame that is cut off at any byte of its header", () => {
    const header = encodePushHeader(EXAMPLE);
    for (let end = 0; end < header.length; end++) {
      expect(() => decodePush(header.subarray(0, end))).toThrowError(
        expect.objectContaining({ code: ErrorCode.INVALID_REQUEST }),
      );
    }
  });

  test("a later form of the frame", () => {
    const header = encodePushHeader(EXAMPLE);
    header[4] = 1;
    expect(() => decodePush(header)).toThrowError(
      expect.objectContaining({ code: ErrorCode.UNSUPPORTED_VERSION }),
    );
  });

  test.each([
    ["ends before it begins", { from: 5n, to: 4n }],
    ["begins below zero", { from: -1n, to: 4n }],
  ])("a range that %s", (_, range) => {
    expect(() => decodePush(encodePushHeader({ ...EXAMPLE, ...range }))).toThrowError(/a range from/);
  });

  test("a header with values that do not fit", () => {
    expect(() => encodePushHeader({ ...EXAMPLE, topicId: "none" })).toThrowError(/a Push cannot be written/);
    expect(() => encodePushHeader({ ...EXAMPLE, to: 2n ** 63n })).toThrowError(/a Push cannot be written/);
  });
});
