/** Whatever a message claims, nothing is taken before the claim is held against the bytes that are there. */
import { describe, expect, test } from "vitest";
import { fetch } from "../../wire/apis/fetch.ts";
import { metadata } from "../../wire/apis/metadata.ts";
import { offsetForLeaderEpoch } from "../../wire/apis/offset-for-leader-epoch.ts";
import { produce } from "../../wire/apis/produce.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { REQUEST_ELEMENTS_MAX } from "../../wire/limits.ts";
import { decodeRequest, encodeRequest } from "../../wire/request.ts";
import { decodeRequestHeader } from "../../wire/request-header.ts";
import { decodeResponse, encodeResponse } from "../../wire/response.ts";
import { fromHex } from "./hex.ts";

function refusal(read: () => unknown): KafkaError {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(KafkaError);
    if (error instanceof KafkaError) return error;
  }
  throw new Error("nothing was refused");
}

/** Reads a Metadata request whose body is given in hex. */
function metadataBody(version: number, hex: string) {
  return decodeRequest(metadata, version, fromHex(hex), 0);
}

describe("counts", () => {
  test.each([
    ["the largest count there is", 1, "7fffffff 0001 61"],
    ["a negative count that is not null", 1, "fffffffe"],
    ["one more element than there can be bytes for", 1, "00000003 0000 0000"],
    ["the largest compact count", 9, "ffffffff0f 0261 00"],
    ["a compact count of more than five bytes", 9, "ffffffffff01 0261 00"],
    ["a compact count of more than 32 bits", 9, "ffffffff1f 0261 00"],
    ["a varint that never ends", 9, "ff ff ff ff ff ff ff ff ff ff ff ff"],
    ["a varint that the message ends in", 9, "ff ff"],
  ])("%s", (_, version, hex) => {
    const { code, message } = refusal(() => metadataBody(version, hex));
    expect(code).toBe(ErrorCode.INVALID_REQUEST);
    expect(message).toContain(`Metadata request version ${version} is malformed`);
    expect(message).toContain("topics, byte");
  });

  test("null is refused where a version has none", () => {
    expect(refusal(() => metadataBody(0, "ffffffff")).message).toContain("topics, byte");
    expect(metadataBody(1, "ffffffff").topics).toBeNull();
    expect(refusal(() => metadataBody(9, "02 00 00 01 00 00 00")).message).toContain("topics[0].name, byte");
  });

  test("more elements than one request may have, however few bytes each takes", () => {
    const names = (count: number) => {
      const body = new Uint8Array(4 + 2 * count);
      new DataView(body.buffer).setInt32(0, count);
      return body;
    };
    expect(decodeRequest(metadata, 1, names(REQUEST_ELEMENTS_MAX), 0).topics).toHaveLength(
      REQUEST_ELEMENTS_MAX,
    );
    const { message } = refusal(() => decodeRequest(metadata, 1, names(REQUEST_ELEMENTS_MAX + 1), 0));
    expect(message).toContain("too many for one message");
  });

  test("elements of nested arrays count together", () => {
    const partitions = Array.from({ length: REQUEST_ELEMENTS_MAX / 2 }, () => ({
      partition: 1,
      currentLeaderEpoch: 1,
      leaderEpoch: 1,
    }));
    const sent = (topics: number) =>
      encodeRequest(
        offsetForLeaderEpoch,
        3,
        { correlationId: 1, clientId: null },
        { topics: Array.from({ length: topics }, () => ({ topic: "t", partitions })) },
      );
    const read = (message: Uint8Array) =>
      decodeRequest(offsetForLeaderEpoch, 3, message, decodeRequestHeader(message).bodyAt);
    expect(read(sent(1)).topics).toHaveLength(1);
    expect(refusal(() => read(sent(3))).message).toContain("topics[1].partitions");
  });

  test("a claim of a billion elements costs no memory", () => {
    const hex = "7fffffff" + "00".repeat(64);
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
    for (let i = 0; i < 1000; i++) refusal(() => metadataBody(1, hex));
    const grown = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before;
    expect(grown).toBeLessThan(64 * 1024 * 1024);
  });
});

describe("lengths", () => {
  /** A Produce request of version 3 up to the length of its only partition's records. */
  const produceUpTo = "ffff ffff 00000000 00000001 0001 74 00000001 00000000";

  test.each([
    ["more than there is", "00000003 aabb"],
    ["the largest", "7fffffff aabb"],
    ["negative and not null", "fffffffe aabb"],
  ])("records of a length that is %s", (_, hex) => {
    const { message } = refusal(() => decodeRequest(produce, 3, fromHex(produceUpTo + hex), 0));
    expect(message).toContain("topicData[0].partitionData[0].records, byte");
  });

  test.each([
    ["negative", 1, "00000001 fffe"],
    ["beyond the message", 1, "00000001 0005 6161"],
    ["beyond what Kafka allows in a compact string", 9, `02 818002 ${"61".repeat(32_768)} 00`],
  ])("a string of a length that is %s", (_, version, hex) => {
    expect(refusal(() => metadataBody(version, hex)).message).toContain("topics[0].name");
  });

  test("a string of the largest length is read", () => {
    const hex = `02 808002 ${"61".repeat(32_767)} 00 000000 00`;
    expect(metadataBody(9, hex).topics?.[0]?.name).toHaveLength(32_767);
  });

  test.each([
    ["a lone continuation byte", "80"],
    ["a character cut in two", "61c3"],
    ["an overlong form", "c0af"],
    ["half of a surrogate pair", "eda080"],
    ["a long one", "61".repeat(60) + "ff"],
  ])("a string that is not UTF-8: %s", (_, hex) => {
    const length = (hex.length / 2).toString(16).padStart(4, "0");
    expect(refusal(() => metadataBody(1, `00000001 ${length} ${hex}`)).message).toContain("not UTF-8");
  });

  test("tagged fields beyond the message", () => {
    const body = "02 0261";
    for (const tags of [
      "01",
      "01 05",
      "01 05 02 00",
      "ffffffff0f",
      "01 05 ffffffff0f 00",
      "01 ffffffffff01 00",
    ]) {
      expect(refusal(() => metadataBody(9, `${body} ${tags}`)).message).toContain("topics[0]");
    }
  });
});

describe("headers", () => {
  test.each([
    "",
    "00",
    "0003",
    "0003 0001 00000001",
    "0003 0001 00000001 0005 61",
    "0003 0009 00000001 ffff",
    "0003 0001 00000001 fffe",
  ])("a request that is only [%s]", (hex) => {
    expect(refusal(() => decodeRequestHeader(fromHex(hex))).message).toContain(
      "header of a request is malformed",
    );
  });

  test("an answer that is shorter than its correlation id", () => {
    expect(refusal(() => decodeResponse(metadata, 1, fromHex("000000"))).code).toBe(
      ErrorCode.INVALID_REQUEST,
    );
  });
});

describe("versions", () => {
  test.each([-1, 3, 19, 32_767])("Fetch %d is refused in all four directions", (version) => {
    const header = { correlationId: 1, clientId: null };
    const attempts = [
      () => encodeRequest(fetch, version, header, { maxWaitMs: 0, minBytes: 0, topics: [] }),
      () => decodeRequest(fetch, version, new Uint8Array(100), 0),
      () => encodeResponse(fetch, version, 1, { responses: [] }),
      () => decodeResponse(fetch, version, new Uint8Array(100)),
    ];
    for (const attempt of attempts) expect(refusal(attempt).code).toBe(ErrorCode.UNSUPPORTED_VERSION);
  });

  test("Produce is advertised from 0 and read from 0, and a client chooses from 3", () => {
    expect(produce).toMatchObject({ minVersion: 3, maxVersion: 13, advertisedMinVersion: 0 });
    const body = decodeRequest(produce, 0, fromHex("0001 00000005 00000000"), 0);
    expect(body).toEqual({ transactionalId: null, acks: 1, timeoutMs: 5, topicData: [] });
  });
});

describe("values that do not fit are refused before they are sent", () => {
  const header = { correlationId: 1, clientId: null };
  const encodeTopics = (version: number, topic: unknown) => () =>
    encodeRequest<unknown, unknown>(metadata, version, header, { topics: [topic] });

  test.each([
    ["null where a version has none", 9, { name: null }, "topics[0].name"],
    ["a number for a string", 9, { name: 5 }, "topics[0].name"],
    ["a string that is too long", 9, { name: "a".repeat(32_768) }, "topics[0].name"],
    ["a string whose UTF-8 is too long", 9, { name: "é".repeat(16_384) }, "topics[0].name"],
    ["a uuid that is too short", 10, { name: null, topicId: "AAAA" }, "topics[0].topicId"],
    [
      "a uuid of other characters",
      10,
      { name: null, topicId: "AAAAAAAAAAAAAAAAAAAA=A" },
      "topics[0].topicId",
    ],
    [
      "a uuid of more than 128 bits",
      10,
      { name: null, topicId: "AAAAAAAAAAAAAAAAAAAAAB" },
      "topics[0].topicId",
    ],
    ["no struct", 9, "orders", "topics[0]"],
  ])("%s", (_, version, topic, path) => {
    const { code, message } = refusal(encodeTopics(version, topic));
    expect(code).toBe(ErrorCode.INVALID_REQUEST);
    expect(message).toContain(`Metadata request version ${version} cannot be written`);
    expect(message).toContain(`at ${path}, byte`);
  });

  test.each([
    ["an int16 of 65536", { acks: 65536 }],
    ["half an integer", { timeoutMs: 0.5 }],
    ["text for bytes", { topicData: [{ name: "t", partitionData: [{ index: 0, records: "abc" }] }] }],
    ["no array", { topicData: {} }],
  ])("%s", (_, wrong) => {
    const body = { acks: 1, timeoutMs: 1, topicData: [], ...wrong };
    refusal(() => encodeRequest<unknown, unknown>(produce, 9, header, body));
  });

  test("an int64 beyond 64 bits", () => {
    const partitions = [
      { partitionIndex: 0, errorCode: 0, highWatermark: 2n ** 63n, abortedTransactions: [], records: null },
    ];
    const { message } = refusal(() =>
      encodeResponse(fetch, 11, 1, { responses: [{ topic: "t", partitions }] }),
    );
    expect(message).toContain("responses[0].partitions[0].highWatermark");
  });
});
