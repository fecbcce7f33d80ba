/** Damaged messages: each is either read, or refused with a KafkaError; nothing else comes out, and nothing large. */
import { expect, test } from "vitest";
import { apis } from "../../wire/apis.ts";
import { KafkaError } from "../../wire/errors.ts";
import { FrameReader, framePrefix } from "../../wire/frame-reader.ts";
import { decodeMetadataRecord, encodeMetadataRecord } from "../../wire/metadata-records.ts";
import { decodePush, encodePushHeader } from "../../wire/push.ts";
import { decodeRequest, encodeRequest } from "../../wire/request.ts";
import { decodeRequestHeader } from "../../wire/request-header.ts";
import { decodeResponse, encodeResponse } from "../../wire/response.ts";
import { Random } from "./random.ts";
import { randomValue, versionsOf } from "./random-body.ts";

const SEED = 20260103;

interface Sample {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly read: (bytes: Uint8Array) => unknown;
}

function samples(random: Random): Sample[] {
  const found: Sample[] = [];
  for (const api of apis) {
    for (const version of versionsOf(api)) {
      const request = randomValue(api.request, version, random);
      const response = randomValue(api.response, version, random);
      const header = { correlationId: random.uint32() | 0, clientId: "client" };
      found.push({
        name: `${api.name} request ${version}`,
        bytes: encodeRequest(api, version, header, request),
        read: (bytes) => decodeRequest(api, version, bytes, decodeRequestHeader(bytes).bodyAt),
      });
      found.push({
        name: `${api.name} response ${version}`,
        bytes: new Uint8Array(Buffer.concat(encodeResponse(api, version, 7, response))),
        read: (bytes) => decodeResponse(api, version, bytes),
      });
    }
  }
  const topicId = "AAECAwQFBgcICQoLDA0ODw";
  const range = {
    errorCode: 0,
    topicId,
    partition: 1,
    leaderEpoch: 2,
    highWatermark: 9n,
    lastStableOffset: 9n,
    from: 3n,
    to: 9n,
  };
  found.push({
    name: "Push",
    bytes: new Uint8Array([...encodePushHeader(range), ...random.bytes(100)]),
    read: decodePush,
  });
  found.push({
    name: "PartitionRecord",
    bytes: encodeMetadataRecord({
      type: "PartitionRecord",
      topicId,
      replicas: [1, 2],
      isr: [1],
      directories: [topicId],
      eligibleLeaderReplicas: [3],
    }),
    read: decodeMetadataRecord,
  });
  found.push({
    name: "frames",
    bytes: new Uint8Array([...framePrefix(3), 1, 2, 3, ...framePrefix(0), ...framePrefix(9)]),
    read: (bytes) => [...new FrameReader({ frameBytesMax: 1000 }).push(bytes)],
  });
  return found;
}

const MUTATIONS: readonly [Mutate, ...Mutate[]] = [
  (bytes, at, random) => bytes.fill((bytes[at] ?? 0) ^ (1 << random.below(8)), at, at + 1),
  (bytes, at, random) => bytes.fill(random.below(256), at, at + 1),
  (bytes, at, random) =>
    bytes.fill(random.pick([0x00, 0x7f, 0x80, 0xff]), at, at + random.pick([1, 2, 4, 5, 8])),
  (bytes, at) => bytes.subarray(0, at),
  (bytes, at, random) =>
    new Uint8Array([...bytes.subarray(0, at), ...random.bytes(1 + random.below(5)), ...bytes.subarray(at)]),
  (bytes, at, random) =>
    new Uint8Array([...bytes.subarray(0, at), ...bytes.subarray(at + 1 + random.below(5))]),
  (bytes, at, random) => {
    const from = random.below(bytes.length);
    return new Uint8Array([...bytes.subarray(0, at), ...bytes.subarray(from)]);
  },
];
type Mutate = (bytes: Uint8Array, at: number, random: Random) => Uint8Array;

/** Elements of all arrays in a value. */
function elements(value: unknown): number {
  if (value instanceof Uint8Array || typeof value !== "object" || value === null) return 0;
  let count = Array.isArray(value) ? value.length : 0;
  for (const inner of Object.values(value)) count += elements(inner);
  return count;
}

test("40,000 damaged messages", () => {
  const random = new Random(SEED);
  const valid = samples(random);
  let read = 0;
  let refused = 0;
  for (let i = 0; i < 40_000; i++) {
    const { name, bytes, read: decode } = valid[i % valid.length] ?? valid[0]!;
    let damaged = bytes.slice();
    for (let rounds = 1 + random.below(3); rounds > 0; rounds--) {
      damaged = random
        .pick(MUTATIONS)(damaged, random.below(damaged.length + 1), random)
        .slice();
      if (damaged.length === 0) break;
    }
    try {
      const value = decode(damaged);
      read++;
      expect(elements(value), `${name}, seed ${SEED}, round ${i}`).toBeLessThanOrEqual(damaged.length);
    } catch (error) {
      if (!(error instanceof KafkaError)) {
        throw new Error(`${name}, seed ${SEED}, round ${i}: ${Buffer.from(damaged).toString("hex")}`, {
          cause: error,
        });
      }
      refused++;
    }
  }
  // Both outcomes are common, else the mutations would not reach far into the messages.
  expect(read).toBeGreaterThan(4000);
  expect(refused).toBeGreaterThan(4000);
});
