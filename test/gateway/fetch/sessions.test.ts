/** Fetch sessions (KIP-227) over real sockets, as clients see them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deleteRecords } from "../../../wire/apis/delete-records.ts";
import { deleteTopics } from "../../../wire/apis/delete-topics.ts";
import { fetch } from "../../../wire/apis/fetch.ts";
import { ErrorCode } from "../../../wire/errors.ts";
import { ZERO_UUID } from "../../../wire/schema.ts";
import { Random } from "../../engine/random.ts";
import { batchOf, createTopic, produceTo } from "../batches.ts";
import { ProtocolClient } from "../protocol-client.ts";
import { startTestGateway, type TestGateway } from "../start-gateway.ts";
import { SessionReader } from "./session-reader.ts";

/** Long enough that a test which waits for it has failed. */
const LONG_MS = 25_000;

let gateway: TestGateway;
let client: ProtocolClient;
let other: ProtocolClient;
let count = 0;

beforeAll(async () => {
  gateway = await startTestGateway();
  client = await ProtocolClient.tcp(gateway.kafkaPort);
  other = await ProtocolClient.tcp(gateway.kafkaPort);
});
afterAll(async () => {
  await client.close();
  await other.close();
  await gateway.stop();
  // Some hundred partitions are closed, each with its checkpoints.
}, 60_000);

async function newTopic(partitions: number): Promise<{ name: string; id: string }> {
  const name = `topic-${++count}`;
  return { name, id: await createTopic(client, name, partitions) };
}

const produce = (topic: { name: string }, partition: number, ...values: string[]) =>
  produceTo(other, topic.name, batchOf(values), { partition });

async function deleteBefore(topic: { name: string }, partition: number, offset: bigint): Promise<void> {
  const topics = [{ name: topic.name, partitions: [{ partitionIndex: partition, offset }] }];
  const answer = await other.request(deleteRecords, 2, { topics, timeoutMs: 10_000 });
  expect(answer.topics[0]?.partitions[0]?.errorCode).toBe(ErrorCode.NONE);
}

async function deleteTopic({ name }: { name: string }): Promise<void> {
  const topics = [{ name, topicId: ZERO_UUID }];
  const answer = await other.request(deleteTopics, 6, { topics, timeoutMs: 10_000 });
  expect(answer.responses[0]?.errorCode).toBe(ErrorCode.NONE);
}

/** A reader of all partitions of a new topic, its session begun. */
async function reading(partitions: number, version: number) {
  const topic = await newTopic(partitions);
  const reader = new SessionReader(client, topic, version);
  for (let partition = 0; partition < partitions; partition++) reader.add(partition);
  const told = await reader.fetch();
  expect(told).toMatchObject({ errorCode: ErrorCode.NONE, partitions: [...reader.known.keys()] });
  expect(told.sessionId).toBeGreaterThan(0);
  return { topic, reader };
}

// By name, and from version 13 on by topic id.
describe.each([7, 12, 13, fetch.maxVersion])("a fetch session in version %i", (version) => {
  it("names only the partitions that have something new", async () => {
    const { topic, reader } = await reading(5, version);
    expect(await reader.fetch()).toMatchObject({ errorCode: 0, partitions: [] });
    await produce(topic, 3, "a", "b");
    expect((await reader.fetch()).partitions).toEqual([3]);
    expect(reader.known.get(3)).toMatchObject({ values: ["0 a", "1 b"], highWatermark: 2n });
    expect((await reader.fetch()).partitions).toEqual([]);
    await produce(topic, 0, "c");
    await produce(topic, 4, "d");
    expect((await reader.fetch()).partitions.toSorted((a, b) => a - b)).toEqual([0, 4]);
    expect((await reader.fetch()).partitions).toEqual([]);
  });

  it("tells of a log start that has moved", async () => {
    const { topic, reader } = await reading(3, version);
    await produce(topic, 1, "a", "b");
    await reader.fetch();
    await deleteBefore(topic, 1, 1n);
    expect((await reader.fetch()).partitions).toEqual([1]);
    expect(reader.known.get(1)).toMatchObject({ logStartOffset: 1n, highWatermark: 2n });
    expect((await reader.fetch()).partitions).toEqual([]);
  });

  it("gives records again to who has not gone on", async () => {
    const { topic, reader } = await reading(2, version);
    await produce(topic, 0, "a");
    await reader.fetch();
    reader.seek(0, 0n);
    expect((await reader.fetch()).partitions).toEqual([0]);
    expect(reader.known.get(0)?.values).toEqual(["0 a", "0 a"]);
    const unmoved = { ...reader.request({}), topics: [] };
    const { responses } = await client.request(fetch, version, unmoved);
    expect(responses[0]?.partitions.map(({ records }) => records?.byteLength ?? 0)).toEqual([
      batchOf(["a"]).length,
    ]);
  });

  it("takes partitions in and lets them go, and ends with the last one", async () => {
    const { topic, reader } = await reading(3, version);
    reader.forget(1);
    await reader.fetch();
    await produce(topic, 1, "unheard");
    expect((await reader.fetch()).partitions).toEqual([]);
    reader.add(1);
    expect((await reader.fetch()).partitions).toEqual([1]);
    expect(reader.known.get(1)?.values).toEqual(["0 unheard"]);
    const { sessionId } = reader;
    for (const partition of [0, 1, 2]) reader.forget(partition);
    expect(await reader.fetch()).toEqual({ errorCode: 0, sessionId: 0, partitions: [] });
    const gone = { maxWaitMs: 0, minBytes: 1, sessionId, sessionEpoch: 6, topics: [] };
    expect(await client.request(fetch, version, gone)).toMatchObject({
      errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
    });
  });

  it("waits, and is woken by any of its partitions", async () => {
    const { topic, reader } = await reading(20, version);
    for (const partition of [7, 19, 7]) {
      const told = reader.fetch({ maxWaitMs: LONG_MS });
      await produce(topic, partition, "x");
      expect((await told).partitions).toEqual([partition]);
    }
  });

  it("waits for as many bytes as are asked for", async () => {
    const { topic, reader } = await reading(3, version);
    const minBytes = 3 * batchOf(["x"]).length;
    await produce(topic, 2, "x");
    const told = reader.fetch({ maxWaitMs: LONG_MS, minBytes });
    await produce(topic, 0, "x");
    await produce(topic, 2, "x");
    expect((await told).partitions.toSorted((a, b) => a - b)).toEqual([0, 2]);
    expect(reader.known.get(2)?.values).toHaveLength(2);
  });

  it("answers errors each time, and tells all anew when they are over", async () => {
    const { topic, reader } = await reading(2, version);
    reader.seek(1, 99n);
    for (let n = 0; n < 2; n++) {
      expect((await reader.fetch({ maxWaitMs: LONG_MS })).partitions).toEqual([1]);
      expect(reader.known.get(1)?.errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    }
    reader.seek(1, 0n);
    expect((await reader.fetch()).partitions).toEqual([1]);
    expect((await reader.fetch()).partitions).toEqual([]);
    const told = reader.fetch({ maxWaitMs: LONG_MS });
    await deleteTopic(topic);
    expect((await told).partitions.toSorted((a, b) => a - b)).toEqual([0, 1]);
    const gone = version >= 13 ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    expect([0, 1].map((partition) => reader.known.get(partition)?.errorCode)).toEqual([gone, gone]);
  });

  it("gives every partition its share when an answer has no room for all", async () => {
    const { topic, reader } = await reading(6, version);
    const value = "v".repeat(1000);
    for (let n = 0; n < 12; n++)
      for (const partition of reader.known.keys()) await produce(topic, partition, value);
    const room = { maxBytes: batchOf([value]).length };
    for (let round = 1; round <= 3; round++) {
      for (let n = 0; n < 6; n++) await reader.fetch(room);
      expect([...reader.known.values()].map(({ values }) => values.length)).toEqual(Array(6).fill(round));
    }
  });

  it("goes on over another connection", async () => {
    const { topic, reader } = await reading(2, version);
    await produce(topic, 1, "a");
    reader.client = other;
    expect((await reader.fetch()).partitions).toEqual([1]);
    reader.client = client;
    expect((await reader.fetch()).partitions).toEqual([]);
  });

  it("answers who comes out of turn, and goes on for who comes in turn", async () => {
    const { reader } = await reading(2, version);
    for (const epoch of [2, 7, -2]) {
      const { maxWaitMs, minBytes, sessionId } = reader.request({});
      const wrong = { maxWaitMs, minBytes, sessionId, sessionEpoch: epoch, topics: [] };
      expect(await client.request(fetch, version, wrong)).toEqual(
        expect.objectContaining({ errorCode: ErrorCode.INVALID_FETCH_SESSION_EPOCH, responses: [] }),
      );
    }
    expect(await reader.fetch()).toMatchObject({ errorCode: ErrorCode.NONE });
  });

  it("gives up a Fetch that waits when its client comes again", async () => {
    const { reader } = await reading(2, version);
    const given = client.request(fetch, version, reader.request({ maxWaitMs: LONG_MS, minBytes: 10_000 }));
    // The first may not have arrived yet when the second does: then that one is out of turn.
    const again = { ...reader.request({}), sessionEpoch: reader.epoch + 1 };
    for (;;) {
      const { errorCode } = await other.request(fetch, version, again);
      if (errorCode !== ErrorCode.INVALID_FETCH_SESSION_EPOCH) break;
    }
    expect(await given).toMatchObject({ errorCode: ErrorCode.INVALID_FETCH_SESSION_EPOCH, responses: [] });
  });

  it("is closed by who ends it, and by who begins anew", async () => {
    for (const sessionEpoch of [-1, 0]) {
      const { reader } = await reading(2, version);
      const ended = { ...reader.request({}), sessionEpoch };
      expect(await client.request(fetch, version, ended)).toMatchObject({ errorCode: 0, sessionId: 0 });
      expect(await reader.fetch()).toMatchObject({ errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND });
      expect((await reader.fetch()).sessionId).toBeGreaterThan(0);
    }
  });
});

describe("fetch sessions", () => {
  it("do not change between names and ids", async () => {
    const { reader: byName } = await reading(1, 12);
    const { reader: byId } = await reading(1, 13);
    const ask = async (version: number, reader: SessionReader) =>
      (await client.request(fetch, version, reader.request({}))).errorCode;
    expect(await ask(13, byName)).toBe(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR);
    expect(await ask(12, byId)).toBe(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR);
    expect([await ask(12, byName), await ask(13, byId)]).toEqual([ErrorCode.NONE, ErrorCode.NONE]);
  });

  it("are not made of nothing, nor of a name that no topic can have", async () => {
    const ask = (sessionId: number, sessionEpoch: number, topics: { topic: string; partitions: never[] }[]) =>
      client.request(fetch, 12, { maxWaitMs: 0, minBytes: 0, sessionId, sessionEpoch, topics });
    expect(await ask(0, 0, [])).toMatchObject({ errorCode: 0, sessionId: 0 });
    expect(await ask(77, 3, [])).toMatchObject({ errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND });
    expect(await ask(0, 3, [])).toMatchObject({ errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND });
    const odd = { name: "n".repeat(250), id: ZERO_UUID };
    const reader = new SessionReader(client, odd, 12);
    reader.add(0);
    expect(await reader.fetch()).toEqual({ errorCode: 0, sessionId: 0, partitions: [0] });
    expect(reader.known.get(0)?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });

  it("that are closed by what they are to hold are so at once, and do not wait for records first", async () => {
    const { topic, reader } = await reading(1, 12);
    const partitions = Array.from({ length: 20_001 }, (_, index) => ({
      partition: index + 1,
      fetchOffset: 0n,
      partitionMaxBytes: 1,
    }));
    const { sessionId, epoch: sessionEpoch } = reader;
    const answer = await client.request(fetch, 12, {
      maxWaitMs: 2 ** 31 - 1,
      minBytes: 1,
      sessionId,
      sessionEpoch,
      topics: [{ topic: topic.name, partitions }],
    });
    expect(answer.errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
  });

  it("find the topic that has taken a deleted one's name", async () => {
    const { topic, reader } = await reading(1, 12);
    await produce(topic, 0, "old");
    await reader.fetch();
    await deleteTopic(topic);
    await createTopic(client, topic.name, 1);
    reader.seek(0, 0n);
    await reader.fetch();
    await produce(topic, 0, "new");
    await reader.fetch();
    expect(reader.known.get(0)?.values).toEqual(["0 old", "0 new"]);
  });

  it.each(Array.from({ length: 12 }, (_, index) => index + 1))(
    "read everything in order whatever happens, seed %i",
    async (seed) => {
      const random = new Random(seed);
      const partitions = 1 + random.below(12);
      const { topic, reader } = await reading(partitions, random.oneIn(2) ? 12 : fetch.maxVersion);
      const wrote: string[][] = Array.from({ length: partitions }, () => []);
      const began: bigint[] = Array(partitions).fill(0n);
      const resume = new Map<number, bigint>();
      for (let step = 0; step < 120; step++) {
        const partition = random.below(partitions);
        const written = wrote[partition] ?? [];
        const what = random.below(10);
        if (what < 4) {
          const values = Array.from({ length: 1 + random.below(5) }, () => `v${random.below(1000)}`);
          await produce(topic, partition, ...values);
          for (const value of values) written.push(`${written.length} ${value}`);
        } else if (what === 4) {
          const known = reader.known.get(partition);
          // Only what was read: records that are deleted before would be missing by right.
          if (known === undefined || known.offset <= (began[partition] ?? 0n)) continue;
          began[partition] = known.offset;
          await deleteBefore(topic, partition, known.offset);
        } else if (what === 5) {
          const known = reader.known.get(partition);
          if (known === undefined) reader.add(partition, resume.get(partition));
          else if (reader.known.size > 1) {
            resume.set(partition, known.offset);
            reader.forget(partition);
          }
        } else if (random.oneIn(12)) reader.epoch += 3;
        else await reader.fetch({ maxBytes: 1 + random.below(400), maxWaitMs: random.below(3) });
      }
      for (let partition = 0; partition < partitions; partition++)
        if (!reader.known.has(partition)) reader.add(partition, resume.get(partition));
      for (let quiet = 0; quiet < 2;) {
        const { errorCode, partitions: told } = await reader.fetch();
        quiet = errorCode === 0 && told.length === 0 ? quiet + 1 : 0;
      }
      for (const [partition, known] of reader.known) {
        const written = wrote[partition] ?? [];
        // What it read before it let go of the partition is not with what it read after.
        expect(known.values).toEqual(written.slice(written.length - known.values.length));
        const end = BigInt(written.length);
        expect(known).toMatchObject({
          offset: end,
          highWatermark: end,
          logStartOffset: began[partition],
          errorCode: 0,
        });
      }
    },
  );
});
