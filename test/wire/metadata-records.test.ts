import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../wire/errors.ts";
import {
  decodeMetadataRecord,
  encodeMetadataRecord,
  type MetadataRecordInput,
} from "../../wire/metadata-records.ts";
import { fromHex, toHex } from "./hex.ts";

const TOPIC_ID = "AAECAwQFBgcICQoLDA0ODw";
const TOPIC_ID_HEX = "000102030405060708090a0b0c0d0e0f";

/** Put together by hand: frame version, type, version, then the body of Kafka's definition with its tagged fields. */
const GOLDEN: readonly [MetadataRecordInput, string][] = [
  [{ type: "TopicRecord", name: "foo", topicId: TOPIC_ID }, `01 02 00  04666f6f ${TOPIC_ID_HEX} 00`],
  [
    {
      type: "PartitionRecord",
      partitionId: 5,
      topicId: TOPIC_ID,
      replicas: [1],
      isr: [1],
      leader: 1,
      leaderEpoch: 2,
      partitionEpoch: 3,
    },
    `01 03 00  00000005 ${TOPIC_ID_HEX} 02 00000001 02 00000001 01 01 00000001 00000002 00000003 00`,
  ],
  [
    { type: "PartitionChangeRecord", partitionId: 5, topicId: TOPIC_ID, isr: null, leader: 1 },
    `01 05 00  00000005 ${TOPIC_ID_HEX} 01  01 04 00000001`,
  ],
  [
    { type: "PartitionChangeRecord", partitionId: 5, topicId: TOPIC_ID, isr: [1, 2], leader: -1 },
    `01 05 00  00000005 ${TOPIC_ID_HEX} 02  00 09 03 00000001 00000002  01 04 ffffffff`,
  ],
  [{ type: "RemoveTopicRecord", topicId: TOPIC_ID }, `01 09 00  ${TOPIC_ID_HEX} 00`],
  [
    { type: "ConfigRecord", resourceType: 2, resourceName: "foo", name: "retention.ms", value: "1" },
    `01 04 00  02 04666f6f 0d ${Buffer.from("retention.ms").toString("hex")} 0231 00`,
  ],
  [
    { type: "ConfigRecord", resourceType: 2, resourceName: "foo", name: "x", value: null },
    "01 04 00  02 04666f6f 0278 00 00",
  ],
  [
    { type: "ProducerIdsRecord", brokerId: 1, brokerEpoch: 7n, nextProducerId: 1000n },
    "01 0f 00  00000001 0000000000000007 00000000000003e8 00",
  ],
  [
    { type: "FeatureLevelRecord", name: "metadata.version", featureLevel: 25 },
    `01 0c 00  11 ${Buffer.from("metadata.version").toString("hex")} 0019 00`,
  ],
  [{ type: "NoOpRecord" }, "01 14 00  00"],
];

const each = GOLDEN.map(([record, hex], index) => ({ name: `${record.type} (${index})`, record, hex }));

test.each(each)("$name is written and read as Kafka frames it", ({ record, hex }) => {
  expect(toHex(encodeMetadataRecord(record))).toBe(toHex(fromHex(hex)));
  expect(decodeMetadataRecord(fromHex(hex))).toMatchObject(record);
});

test("a record is written in the lowest version that has what is given", () => {
  const partition = { type: "PartitionRecord", topicId: TOPIC_ID, replicas: [1], isr: [1] } as const;
  const versionOf = (record: MetadataRecordInput) => encodeMetadataRecord(record)[2];
  expect(versionOf(partition)).toBe(0);
  expect(versionOf({ ...partition, directories: [] })).toBe(0);
  expect(versionOf({ ...partition, directories: [TOPIC_ID] })).toBe(1);
  expect(versionOf({ ...partition, lastKnownElr: [2] })).toBe(2);
  const full = {
    ...partition,
    directories: [TOPIC_ID],
    eligibleLeaderReplicas: [],
    lastKnownElr: [2],
    leaderRecoveryState: 1,
  };
  expect(decodeMetadataRecord(encodeMetadataRecord(full))).toEqual({
    ...full,
    partitionId: -1,
    leader: -1,
    leaderEpoch: -1,
    partitionEpoch: -1,
    removingReplicas: [],
    addingReplicas: [],
  });
});

describe("refused", () => {
  test.each([
    ["nothing at all", "", ErrorCode.CORRUPT_MESSAGE],
    ["a body that ends early", "01 02 00 04666f", ErrorCode.CORRUPT_MESSAGE],
    ["bytes after the body", "01 14 00 00 00", ErrorCode.CORRUPT_MESSAGE],
    [
      "a replica list longer than the record",
      `01 03 00 00000005 ${TOPIC_ID_HEX} ffffffff07`,
      ErrorCode.CORRUPT_MESSAGE,
    ],
    ["another frame version", "02 14 00 00", ErrorCode.UNSUPPORTED_VERSION],
    ["a type that is not known", "01 7f 00 00", ErrorCode.UNSUPPORTED_VERSION],
    ["a version that is not known", "01 14 01 00", ErrorCode.UNSUPPORTED_VERSION],
  ])("%s", (_, hex, code) => {
    expect(() => decodeMetadataRecord(fromHex(hex))).toThrowError(expect.objectContaining({ code }));
  });

  test("a topic id that is none, with the field's name", () => {
    const record = { type: "RemoveTopicRecord", topicId: "short" } as const;
    expect(() => encodeMetadataRecord(record)).toThrowError(/a RemoveTopicRecord cannot be written.*topicId/);
  });
});
