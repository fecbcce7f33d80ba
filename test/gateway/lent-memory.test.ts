/**
 * Clients of all kinds at once, of whom many leave in the middle: the gateway reads requests into memory that all sockets
 * share, and the log into memory that is given from one answer to the next. Each value names its partition and its batch
 * all over, so that bytes of somebody else's show wherever they come to lie.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, test, vi } from "vitest";
import { nodeFileSystem } from "../../gateway/node-file-system.ts";
import { fetch } from "../../wire/apis/fetch.ts";
import { produce } from "../../wire/apis/produce.ts";
import { framePrefix } from "../../wire/frame-reader.ts";
import { decodeResponse } from "../../wire/response.ts";
import { Random } from "../engine/random.ts";
import { batchOf, createTopic, fetchFrom, produceTo, valuesOf } from "./batches.ts";
import { ProtocolClient } from "./protocol-client.ts";
import { startTestGateway, type TestGateway } from "./start-gateway.ts";

const PARTITIONS = 4;
const KIB = 1024;

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await startTestGateway();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await gateway.stop();
});

interface Owned {
  readonly offset: bigint;
  /** Who has sent it: `<partition>.<writer>.<number>`. */
  readonly owner: string;
}

/** A batch of one record which says whose it is, from its first byte to its last. */
function ownedBatch(owner: string, bytes: number): Uint8Array {
  const word = `${owner} `;
  return batchOf([word.repeat(Math.ceil(bytes / word.length))]);
}

/** Whose the records are that were read of a partition: after their CRCs every byte of their values is looked at. */
function ownersOf(records: Uint8Array, partition: number): Owned[] {
  return valuesOf(records).map((found) => {
    const [offset = "", owner = ""] = found.split(" ", 2);
    const value = found.slice(offset.length + 1);
    const word = `${owner} `;
    if (!owner.startsWith(`${partition}.`) || value !== word.repeat(value.length / word.length))
      throw new Error(
        `offset ${offset} of partition ${partition} holds what is not its own: ${value.slice(0, 60)}`,
      );
    return { offset: BigInt(offset), owner };
  });
}

/** What is read from `from` on has every offset once. */
function checkJoins(owned: readonly Owned[], from: bigint): void {
  expect(owned.map(({ offset }) => offset)).toEqual(owned.map((_, index) => from + BigInt(index)));
}

async function rawSocket(): Promise<Socket> {
  const socket = connect({ port: gateway.kafkaPort, host: "127.0.0.1", noDelay: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Bytes in pieces of any size, each of which the kernel has before the next one is written. */
async function writePieces(socket: Socket, bytes: Uint8Array, random: Random): Promise<void> {
  for (let at = 0; at < bytes.length && !socket.destroyed;) {
    const size = random.oneIn(2) ? 1 + random.below(5000) : 1 + random.below(600 * KIB);
    const piece = bytes.subarray(at, at + size);
    await new Promise<void>((resolve) => socket.write(piece, () => resolve()));
    at += size;
  }
}

function framed(messages: readonly Uint8Array[]): Buffer {
  return Buffer.concat(messages.flatMap((message) => [framePrefix(message.byteLength), message]));
}

function produceRequest(partition: number, records: Uint8Array) {
  const topicData = [{ name: "t", partitionData: [{ index: partition, records }] }];
  return { acks: -1, timeoutMs: 30_000, topicData };
}

/** Writes several requests at once, cut anywhere; leaves within one of them, now and then. Answers whose were acknowledged. */
async function write(partition: number, writer: string, random: Random): Promise<string[]> {
  const acknowledged: string[] = [];
  let number = 0;
  for (let round = 0; round < 6; round++) {
    const socket = await rawSocket();
    const client = ProtocolClient.on(socket);
    const requests = Array.from({ length: 1 + random.below(4) }, () => {
      const owner = `${partition}.${writer}.${number++}`;
      const bytes = random.oneIn(3) ? 10 + random.below(600 * KIB) : 10 + random.below(30 * KIB);
      return { owner, ...client.encode(produce, 9, produceRequest(partition, ownedBatch(owner, bytes))) };
    });
    const stream = framed(requests.map(({ message }) => message));
    if (random.oneIn(3)) {
      await writePieces(socket, stream.subarray(0, random.below(stream.length)), random);
      await client.close();
      continue;
    }
    const answers = requests.map(({ correlationId }) => client.expect(correlationId));
    await writePieces(socket, stream, random);
    // What was asked before the end is answered after it.
    if (random.oneIn(2)) socket.end();
    for (const [index, { owner }] of requests.entries()) {
      const { body } = decodeResponse(produce, 9, (await answers[index]) ?? new Uint8Array(0));
      expect(body.responses[0]?.partitionResponses[0]?.errorCode).toBe(0);
      acknowledged.push(owner);
    }
    expect(client.answered).toEqual(requests.map(({ correlationId }) => correlationId));
    await client.close();
  }
  return acknowledged;
}

/** Reads from anywhere, several answers at once, taken late or not to the end. */
async function read(known: number, random: Random): Promise<void> {
  for (let round = 0; round < 6; round++) {
    const isTcp = random.below(3) > 0;
    const client = isTcp
      ? await ProtocolClient.tcp(gateway.kafkaPort)
      : await ProtocolClient.webSocket(gateway.httpPort);
    const isLate = random.oneIn(2);
    if (isLate) client.pause();
    // Together more than the system keeps of them for a client that does not read.
    const answers = Array.from({ length: isLate ? 10 : 1 + random.below(4) }, async () => {
      const partition = random.below(PARTITIONS);
      const from = BigInt(random.below(isLate ? 3 : known));
      const maxBytes = isLate ? 2 ** 20 : 1 + random.below(800 * KIB);
      const options = { partition, maxBytes };
      const { errorCode, records } = await fetchFrom(client, "t", from, options);
      expect(errorCode).toBe(0);
      const owned = ownersOf(records ?? new Uint8Array(0), partition);
      expect(owned.length).toBeGreaterThan(0);
      checkJoins(owned, from);
    });
    if (isLate) {
      // Somebody else goes all the way there and back, as often as it pleases.
      const other = await ProtocolClient.tcp(gateway.kafkaPort);
      for (let turn = 0; turn < 6; turn++) {
        const partition = random.below(PARTITIONS);
        ownersOf((await fetchFrom(other, "t", 0n, { partition })).records ?? new Uint8Array(0), partition);
      }
      await other.close();
      client.resume();
    }
    await Promise.all(answers);
    await client.close();
  }
}

/** Asks for much, and leaves when the first bytes of an answer are there, or when none is. */
async function leave(random: Random): Promise<void> {
  for (let round = 0; round < 15; round++) {
    const socket = await rawSocket();
    const client = ProtocolClient.on(socket);
    const messages = Array.from({ length: 3 }, () => {
      const asked = {
        partition: random.below(PARTITIONS),
        fetchOffset: 0n,
        partitionMaxBytes: 2 ** 20,
        currentLeaderEpoch: -1,
        lastFetchedEpoch: -1,
      };
      const topics = [{ topic: "t", partitions: [asked] }];
      const limits = { maxWaitMs: 0, minBytes: 1, maxBytes: 2 ** 20, isolationLevel: 0 };
      return client.encode(fetch, 12, { ...limits, topics }).message;
    });
    const arrived = once(socket, "data");
    arrived.catch(() => {});
    await writePieces(socket, framed(messages), random);
    if (random.below(3) > 0) await arrived;
    if (random.oneIn(2)) socket.resetAndDestroy();
    await client.close();
  }
}

test.each([1, 2])(
  "nobody is given what is another's, and the log has what was sent, whoever leaves when: seed %i",
  async (seed) => {
    const random = new Random(seed);
    const own = (): Random => new Random(random.word());
    const first = await ProtocolClient.tcp(gateway.kafkaPort);
    await createTopic(first, "t", PARTITIONS);
    const known = 20;
    for (let at = 0; at < known * PARTITIONS; at++) {
      const partition = at % PARTITIONS;
      const batch = ownedBatch(`${partition}.first.${at}`, 10 + random.below(150 * KIB));
      await produceTo(first, "t", batch, { partition });
    }
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
    const [written] = await Promise.all([
      Promise.all(partitions.map((partition) => write(partition, "later", own()))),
      Promise.all(partitions.map(() => read(known, own()))),
      Promise.all(partitions.map(() => leave(own()))),
    ]);

    for (const partition of partitions) {
      const found: Owned[] = [];
      for (let next = 0n; ;) {
        const { records, highWatermark } = await fetchFrom(first, "t", next, { partition });
        if (next === highWatermark) break;
        found.push(...ownersOf(records ?? new Uint8Array(0), partition));
        next = (found.at(-1)?.offset ?? -1n) + 1n;
      }
      checkJoins(found, 0n);
      const owners = found.map(({ owner }) => owner);
      expect(new Set(owners).size).toBe(owners.length);
      // Of those whose writer has left before the answer some are there, too.
      const acknowledged = new Set(written[partition]);
      expect(owners.filter((owner) => acknowledged.has(owner))).toEqual([...acknowledged]);
    }
    await first.close();
  },
  120_000,
);

describe("what is read and not answered", () => {
  it("is not held until the answer is taken: one batch after the other that does not fit takes the same memory", async () => {
    const client = await ProtocolClient.tcp(gateway.kafkaPort);
    const partitions = 8;
    await createTopic(client, "t", partitions);
    const batch = batchOf([new Uint8Array(200_000)]);
    for (let partition = 0; partition < partitions; partition++)
      await produceTo(client, "t", batch, { partition });
    const allocated = vi.spyOn(nodeFileSystem, "allocate");
    const asked = {
      fetchOffset: 0n,
      partitionMaxBytes: 2 ** 20,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
    };
    const { responses } = await client.request(fetch, 12, {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 250_000,
      isolationLevel: 0,
      topics: [
        {
          topic: "t",
          partitions: Array.from({ length: partitions }, (_, partition) => ({ ...asked, partition })),
        },
      ],
    });
    const bytes = responses[0]?.partitions.map(({ records }) => records?.length);
    expect(bytes).toEqual([batch.length, ...Array.from({ length: partitions - 1 }, () => 0)]);
    const large = allocated.mock.calls.filter(([size]) => size >= batch.length);
    expect(large).toHaveLength(2);
    await client.close();
  });
});
