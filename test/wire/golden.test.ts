/** Messages put together by hand from Kafka's protocol guide, byte by byte. */
import { describe, expect, test } from "vitest";
import { apiVersions } from "../../wire/apis/api-versions.ts";
import { describeCluster } from "../../wire/apis/describe-cluster.ts";
import { fetch } from "../../wire/apis/fetch.ts";
import { metadata } from "../../wire/apis/metadata.ts";
import { produce } from "../../wire/apis/produce.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { decodeRequest, encodeRequest } from "../../wire/request.ts";
import { decodeRequestHeader } from "../../wire/request-header.ts";
import { decodeResponse, encodeResponse } from "../../wire/response.ts";
import { ZERO_UUID } from "../../wire/uuid.ts";
import { fromHex, toHex } from "./hex.ts";

describe("before flexible versions", () => {
  const METADATA_V1 = fromHex(
    `
    0003 0001 00000007 0002 6d65       Metadata, version 1, correlation id 7, client id "me"
    00000001 0006 6f7264657273         one topic, "orders"
  `.replaceAll(/ {2,}[A-Zo].*$/gm, ""),
  );

  test("lengths are two and four bytes, and no tagged fields follow", () => {
    const header = { correlationId: 7, clientId: "me" };
    const sent = encodeRequest(metadata, 1, header, { topics: [{ name: "orders" }] });
    expect(toHex(sent)).toBe(toHex(METADATA_V1));
    expect(decodeRequestHeader(METADATA_V1)).toEqual({ apiKey: 3, apiVersion: 1, ...header, bodyAt: 12 });
    expect(decodeRequest(metadata, 1, METADATA_V1, 12).topics?.map(({ name }) => name)).toEqual(["orders"]);
  });

  test("null is a length of -1", () => {
    const sent = encodeRequest(metadata, 1, { correlationId: 7, clientId: null }, { topics: null });
    expect(toHex(sent)).toBe("0003000100000007ffffffffffff");
  });
});

describe("flexible versions", () => {
  test("Metadata 12: compact lengths, a topic id, a nullable name, tagged fields at each end", () => {
    const sent = encodeRequest(
      metadata,
      12,
      { correlationId: 1, clientId: "me" },
      { topics: [{ topicId: "AAECAwQFBgcICQoLDA0ODw", name: null }], allowAutoTopicCreation: false },
    );
    expect(toHex(sent)).toBe(
      [
        "0003000c00000001" + "00026d65" + "00", // header version 2: the client id keeps its two bytes of length
        "02" + "000102030405060708090a0b0c0d0e0f" + "00" + "00", // one topic: id, no name, no tagged fields
        "00" + "00" + "00", // nothing created, no operations asked for, no tagged fields
      ].join(""),
    );
  });

  test("Fetch 12: tagged fields by tag, size and content, and only those that differ from their default", () => {
    const pieces = encodeResponse(fetch, 12, 5, {
      responses: [
        {
          topic: "t",
          partitions: [
            {
              partitionIndex: 0,
              errorCode: 0,
              highWatermark: 9n,
              lastStableOffset: 9n,
              logStartOffset: 0n,
              divergingEpoch: { epoch: 3, endOffset: 6n },
              abortedTransactions: null,
              records: null,
            },
          ],
        },
      ],
    });
    expect(toHex(Buffer.concat(pieces))).toBe(
      [
        "00000005" + "00", // correlation id, tagged fields of the header
        "00000000" + "0000" + "00000000", // throttle time, error code, session id
        "02" + "0274" + "02", // one topic, "t", one partition
        "00000000" + "0000" + "0000000000000009" + "0000000000000009" + "0000000000000000",
        "00" + "ffffffff" + "00", // no aborted transactions, no preferred replica, no records
        "01" + "00" + "0d" + "00000003" + "0000000000000006" + "00", // tag 0, 13 bytes
        "00" + "00", // tagged fields of the topic and of the body
      ].join(""),
    );
  });

  test("unknown tagged fields are stepped over, in the header, in structs and in the body", () => {
    const sent = fromHex(
      [
        "0003000c00000001" + "ffff" + "01" + "07" + "02" + "abcd",
        "02" + "00000000000000000000000000000000" + "0274" + "02" + "05" + "00" + "a901" + "01" + "ff",
        "01" + "00" + "00" + "01" + "00" + "03" + "aabbcc",
      ].join(""),
    );
    const { bodyAt, clientId } = decodeRequestHeader(sent);
    expect(clientId).toBeNull();
    expect(decodeRequest(metadata, 12, sent, bodyAt)).toEqual({
      topics: [{ topicId: "AAAAAAAAAAAAAAAAAAAAAA", name: "t" }],
      allowAutoTopicCreation: true,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    });
  });

  test("a tagged field that lies about its size is refused", () => {
    const body = "00000005" + "00" + "00000000" + "0000" + "00000000" + "01";
    const tagged = (size: string) => fromHex(`${body}01 00 ${size} 01 0000`);
    expect(decodeResponse(fetch, 16, tagged("01")).body.nodeEndpoints).toEqual([]);
    expect(() => decodeResponse(fetch, 16, tagged("02"))).toThrowError(
      /nodeEndpoints.*1 bytes too many|1 bytes too many.*nodeEndpoints/,
    );
    expect(() => decodeResponse(fetch, 16, tagged("00"))).toThrowError(/nodeEndpoints/);
  });
});

describe("fields that came with Kafka 4's last versions", () => {
  const header = { correlationId: 1, clientId: null };
  const HEADER = "00000001" + "ffff" + "00"; // correlation id, no client id, tagged fields

  test("Metadata 13 ends with an error of the whole answer", () => {
    const answer = { brokers: [], topics: [], errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED };
    expect(toHex(Buffer.concat(encodeResponse(metadata, 13, 9, answer)))).toBe(
      "00000009" + "00" + "00000000" + "01" + "00" + "ffffffff" + "01" + "001f" + "00",
    );
  });

  test("Fetch 18 may say which high watermark a follower knows", () => {
    const ask = (highWatermark?: bigint) =>
      encodeRequest(fetch, 18, header, {
        maxWaitMs: 1,
        minBytes: 2,
        maxBytes: 3,
        isolationLevel: 0,
        sessionId: 0,
        sessionEpoch: -1,
        topics: [
          {
            topicId: ZERO_UUID,
            partitions: [
              {
                partition: 4,
                fetchOffset: 5n,
                partitionMaxBytes: 6,
                ...(highWatermark === undefined ? {} : { highWatermark }),
              },
            ],
          },
        ],
        forgottenTopicsData: [],
      });
    const upToTags = [
      "00010012" + HEADER + "00000001" + "00000002" + "00000003" + "00" + "00000000" + "ffffffff",
      "02" + "00".repeat(16) + "02" + "00000004" + "ffffffff" + "0000000000000005",
      "ffffffff" + "ffffffffffffffff" + "00000006",
    ].join("");
    const rest = "00" + "01" + "01" + "00";
    expect(toHex(ask())).toBe(upToTags + "00" + rest);
    const told = ask(7n);
    expect(toHex(told)).toBe(upToTags + "01" + "01" + "08" + "0000000000000007" + rest);
    const { topics } = decodeRequest(fetch, 18, told, decodeRequestHeader(told).bodyAt);
    expect(topics[0]?.partitions[0]?.highWatermark).toBe(7n);
  });

  test("Produce 13 has ids in place of names, both ways", () => {
    const topicId = Buffer.from("0123456789abcdef").toString("base64url");
    const sent = encodeRequest(produce, 13, header, {
      acks: -1,
      timeoutMs: 1,
      topicData: [{ name: "left out", topicId, partitionData: [{ index: 2, records: fromHex("aabb") }] }],
    });
    const id = toHex(Buffer.from("0123456789abcdef"));
    expect(toHex(sent)).toBe(
      [
        "0000000d" + HEADER + "00" + "ffff" + "00000001",
        "02" + id + "02" + "00000002" + "03aabb" + "00" + "00" + "00",
      ].join(""),
    );
    const { topicData } = decodeRequest(produce, 13, sent, decodeRequestHeader(sent).bodyAt);
    expect(topicData).toMatchObject([{ name: "", topicId }]);
    const partitionResponses = [{ index: 2, errorCode: ErrorCode.UNKNOWN_TOPIC_ID, baseOffset: -1n }];
    const answer = { responses: [{ name: "left out", topicId, partitionResponses }] };
    expect(toHex(Buffer.concat(encodeResponse(produce, 13, 9, answer)))).toBe(
      [
        "00000009" + "00" + "02" + id + "02" + "00000002" + "0064",
        "ff".repeat(24) + "01" + "00" + "00" + "00" + "00000000" + "00",
      ].join(""),
    );
  });

  test("DescribeCluster 2 asks for fenced brokers, and hears which are", () => {
    expect(toHex(encodeRequest(describeCluster, 2, header, { includeFencedBrokers: true }))).toBe(
      "003c0002" + HEADER + "00" + "01" + "01" + "00",
    );
    const brokers = [{ brokerId: 1, host: "h", port: 2, isFenced: true }];
    const answer = { errorCode: ErrorCode.NONE, clusterId: "c", brokers };
    expect(toHex(Buffer.concat(encodeResponse(describeCluster, 2, 9, answer)))).toBe(
      [
        "00000009" + "00" + "00000000" + "0000" + "00" + "01" + "0263" + "ffffffff",
        "02" + "00000001" + "0268" + "00000002" + "00" + "01" + "00",
        "80000000" + "00",
      ].join(""),
    );
  });
});

describe("ApiVersions", () => {
  test("its answer never has tagged fields in its header, flexible or not", () => {
    const answer = { errorCode: ErrorCode.NONE, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] };
    expect(toHex(Buffer.concat(encodeResponse(apiVersions, 3, 9, answer)))).toBe(
      "00000009" + "0000" + "02" + "001200000004" + "00" + "00000000" + "00",
    );
    expect(toHex(Buffer.concat(encodeResponse(apiVersions, 0, 9, answer)))).toBe(
      "00000009" + "0000" + "00000001" + "001200000004",
    );
  });

  test("the header of a version that is not known yet can be read, so that it can be refused", () => {
    const sent = fromHex("0012 0063 00000003 0002 6d65 00 0461626302 7a00");
    expect(decodeRequestHeader(sent)).toEqual({
      apiKey: 18,
      apiVersion: 99,
      correlationId: 3,
      clientId: "me",
      bodyAt: 13,
    });
    expect(() => decodeRequest(apiVersions, 99, sent, 13)).toThrowError(
      expect.objectContaining({ code: ErrorCode.UNSUPPORTED_VERSION }),
    );
  });

  test("the header of an API that is not known can be read", () => {
    const sent = fromHex("7fff 0000 00000003 0002 6d65 deadbeef");
    expect(decodeRequestHeader(sent)).toMatchObject({ apiKey: 0x7fff, clientId: "me", bodyAt: 12 });
  });
});

describe("records", () => {
  const batch = new Uint8Array(2000).fill(7);

  test("leave as pieces that are the very arrays given, and come back as views", () => {
    const halves = [batch.subarray(0, 500), batch.subarray(500)];
    const partition = { partitionIndex: 0, errorCode: 0, highWatermark: 1n, abortedTransactions: null };
    const pieces = encodeResponse(fetch, 11, 1, {
      responses: [
        {
          topic: "t",
          partitions: [
            { ...partition, records: halves },
            { ...partition, records: batch },
          ],
        },
      ],
    });
    expect(pieces.filter((piece) => piece.buffer === batch.buffer)).toEqual([...halves, batch]);
    const message = new Uint8Array(Buffer.concat(pieces));
    const read = decodeResponse(fetch, 11, message).body.responses[0]?.partitions.map(
      ({ records }) => records,
    );
    expect(read).toEqual([batch, batch]);
    for (const records of read ?? []) expect(records?.buffer).toBe(message.buffer);
  });

  test("of a request are views on the message", () => {
    const topicData = [{ name: "t", partitionData: [{ index: 0, records: [batch] }] }];
    const sent = encodeRequest(
      produce,
      9,
      { correlationId: 1, clientId: null },
      { acks: -1, timeoutMs: 1, topicData },
    );
    const read = decodeRequest(produce, 9, sent, decodeRequestHeader(sent).bodyAt);
    expect(read.topicData[0]?.partitionData[0]?.records?.buffer).toBe(sent.buffer);
    expect(read.topicData[0]?.partitionData[0]?.records).toEqual(batch);
  });
});

test("bytes after the body are ignored, as Kafka ignores them", () => {
  const sent = encodeRequest(metadata, 9, { correlationId: 1, clientId: "a" }, { topics: [] });
  const longer = new Uint8Array([...sent, 1, 2, 3]);
  const { bodyAt } = decodeRequestHeader(longer);
  expect(decodeRequest(metadata, 9, longer, bodyAt)).toEqual(decodeRequest(metadata, 9, sent, bodyAt));
});
