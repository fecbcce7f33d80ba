/** The bytes are those that Kafka 4.3's own classes write for these records. */
import { describe, expect, test } from "vitest";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { decodeGroupRecord, encodeGroupRecord, type GroupRecordInput } from "../../wire/group-records.ts";
import { expectSame } from "./expect-same.ts";
import { fromHex, toHex } from "./hex.ts";

const TOPIC_ID = "AAECAwQFBgcICQoLDA0ODw";

const KAFKAS: readonly [GroupRecordInput, key: string, value: string][] = [
  [
    {
      type: "OffsetCommit",
      key: { groupId: "g", topic: "foo", partition: 3 },
      value: { offset: 42n, leaderEpoch: 2, metadata: "m", commitTimestamp: 7n, topicId: TOPIC_ID },
    },
    "00010001670003666f6f00000003",
    "0004000000000000002a00000002026d0000000000000007010010000102030405060708090a0b0c0d0e0f",
  ],
  [
    {
      type: "GroupMetadata",
      key: { groupId: "g" },
      value: {
        protocolType: "consumer",
        generation: 5,
        protocol: "range",
        leader: "a",
        currentStateTimestamp: 9n,
        members: [
          {
            memberId: "a",
            groupInstanceId: null,
            clientId: "c",
            clientHost: "/h",
            rebalanceTimeout: 3,
            sessionTimeout: 4,
            subscription: Uint8Array.of(1),
            assignment: Uint8Array.of(2, 3),
          },
        ],
      },
    },
    "0002000167",
    "00030008636f6e73756d657200000005000572616e6765000161000000000000000900000001000161ffff00016300022f6800000003000000040000000101000000020203",
  ],
  [
    { type: "ConsumerGroupMetadata", key: { groupId: "g" }, value: { epoch: 5, metadataHash: 77n } },
    "0003000167",
    "000000000005010008000000000000004d",
  ],
  [
    {
      type: "ConsumerGroupMemberMetadata",
      key: { groupId: "g", memberId: "m" },
      value: {
        instanceId: null,
        rackId: null,
        clientId: "c",
        clientHost: "/h",
        subscribedTopicNames: ["foo"],
        subscribedTopicRegex: null,
        rebalanceTimeoutMs: 5,
        serverAssignor: "uniform",
        classicMemberMetadata: { sessionTimeoutMs: 6, supportedProtocols: [] },
      },
    },
    "000500016700016d",
    "000000000263032f680204666f6f000000000508756e69666f726d01000701000000060100",
  ],
  [
    {
      type: "ConsumerGroupTargetAssignmentMetadata",
      key: { groupId: "g" },
      value: { assignmentEpoch: 5 },
    },
    "0006000167",
    "00000000000500",
  ],
  [
    {
      type: "ConsumerGroupCurrentMemberAssignment",
      key: { groupId: "g", memberId: "m" },
      value: {
        memberEpoch: 5,
        previousMemberEpoch: 4,
        state: 1,
        assignedPartitions: [{ topicId: TOPIC_ID, partitions: [0, 2] }],
        partitionsPendingRevocation: [],
      },
    },
    "000800016700016d",
    "000000000005000000040102000102030405060708090a0b0c0d0e0f030000000000000002000100",
  ],
];

const each = KAFKAS.map(([record, key, value]) => ({ type: record.type, record, key, value }));

/** The code of the KafkaError that is thrown. */
function codeOf(run: () => unknown): number {
  try {
    run();
  } catch (error) {
    if (error instanceof KafkaError) return error.code;
    throw error;
  }
  return ErrorCode.NONE;
}

describe.each(each)("$type", ({ record, key, value }) => {
  test("is written as Kafka writes it, and read again", () => {
    const encoded = encodeGroupRecord(record);
    expect(toHex(encoded.key)).toBe(key);
    expect(toHex(encoded.value ?? new Uint8Array())).toBe(value);
    const read = decodeGroupRecord(fromHex(key), fromHex(value));
    expect(read?.type).toBe(record.type);
    expectSame(encodeGroupRecord(read as GroupRecordInput), encoded, record.type);
  });

  test("with a null value takes away what its key said", () => {
    const encoded = encodeGroupRecord({ ...record, value: null });
    expect(toHex(encoded.key)).toBe(key);
    expect(encoded.value).toBeNull();
    expect(decodeGroupRecord(encoded.key, null)).toEqual({ ...record, value: null });
  });

  test("is refused when a byte is missing at its end or follows it", () => {
    const bytes = fromHex(value);
    const longer = fromHex(`${value}00`);
    expect(codeOf(() => decodeGroupRecord(fromHex(key), bytes.subarray(0, -1)))).toBe(
      ErrorCode.CORRUPT_MESSAGE,
    );
    expect(codeOf(() => decodeGroupRecord(fromHex(key), longer))).toBe(ErrorCode.CORRUPT_MESSAGE);
    expect(codeOf(() => decodeGroupRecord(fromHex(`${key}00`), bytes))).toBe(ErrorCode.CORRUPT_MESSAGE);
  });
});

test("offsets that an older Kafka wrote are read: keys of type 0, values of versions 1 and 3", () => {
  const key = fromHex("00000001670003666f6f00000003");
  const third = decodeGroupRecord(key, fromHex("0003000000000000002a0000000200016d0000000000000007"));
  expect(third).toMatchObject({
    type: "OffsetCommit",
    key: { groupId: "g", topic: "foo", partition: 3 },
    value: { offset: 42n, leaderEpoch: 2, metadata: "m", commitTimestamp: 7n },
  });
  const first = decodeGroupRecord(key, fromHex("0001000000000000002a00016d00000000000000070000000000000009"));
  expect(first?.value).toMatchObject({ offset: 42n, leaderEpoch: -1, expireTimestamp: 9n });
});

test("a key of another kind of group is passed over, a value that is newer than known is not", () => {
  expect(decodeGroupRecord(fromHex("000b0001670001"), null)).toBeUndefined();
  expect(codeOf(() => decodeGroupRecord(fromHex("0002000167"), fromHex("0005")))).toBe(
    ErrorCode.UNSUPPORTED_VERSION,
  );
});
