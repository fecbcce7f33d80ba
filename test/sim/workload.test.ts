/** What the simulator's clients decide by themselves: if they were wrong, they would see damage where there is none, or none where there is. */
import { describe, expect, it } from "vitest";
import type { RecordHeader } from "../../log/record.ts";
import type { OpenTransport, TransportHandler } from "../../sync/transport.ts";
import { metadata } from "../../wire/apis/metadata.ts";
import { decodeRequestHeader } from "../../wire/request-header.ts";
import { encodeResponse } from "../../wire/response.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { Process } from "./kernel/process.ts";
import { Random } from "./kernel/random.ts";
import { World } from "./kernel/world.ts";
import { ConnectionLost, KafkaConnection } from "./workload/kafka-connection.ts";
import { ProducerLane, type ProducerBatch } from "./workload/producer-lane.ts";
import { contentOf, idOf, recordId, valueOf } from "./workload/values.ts";

describe("the values of records", () => {
  it("tell their id, whatever follows on it", () => {
    const id = recordId("device-1/alice", 17);
    const headers: RecordHeader[] = [];
    expect(idOf({ value: valueOf(id, 0), headers })).toBe("device-1/alice:17");
    expect(idOf({ value: valueOf(id, 5000), headers })).toBe("device-1/alice:17");
    expect(valueOf(id, 5000)).toHaveLength(id.length + 1 + 5000);
    expect(idOf({ headers, ...contentOf(id, 5000, false) })).toBe("device-1/alice:17");
    const tombstone = { headers, ...contentOf(id, 5000, true) };
    expect([tombstone.value, idOf(tombstone)]).toEqual([null, "device-1/alice:17"]);
  });

  it("that nobody published are not taken for anything", () => {
    const values = [null, new Uint8Array(40), new TextEncoder().encode("no-number padding")];
    for (const value of values) expect(() => idOf({ value, headers: [] })).toThrow("nobody published");
  });
});

describe("a producer's partition", () => {
  it("has at most five batches on their way, in order", () => {
    const { lane, batches } = laneWith(7, false);
    expect(takeAll(lane)).toEqual(batches.slice(0, 5));
    expect(lane.answered(batches[0]!, ErrorCode.NONE)).toBe("acknowledged");
    expect(takeAll(lane)).toEqual([batches[5]]);
  });

  it("sends one by one again after a lost connection, as the Java client does", () => {
    const { lane, batches } = laneWith(3, false);
    takeAll(lane);
    lane.lost();
    expect(takeAll(lane)).toEqual([batches[0]]);
    expect(lane.answered(batches[0]!, ErrorCode.NONE)).toBe("acknowledged");
    expect(takeAll(lane)).toEqual([batches[1]]);
  });

  it("sends all at once again after a lost connection, as librdkafka does", () => {
    const { lane, batches } = laneWith(3, true);
    takeAll(lane);
    lane.lost();
    expect(takeAll(lane)).toEqual(batches);
  });

  it("waits behind a batch that was not taken, and ends where the log knows nothing of what went before", () => {
    const { lane, batches } = laneWith(2, false);
    takeAll(lane);
    expect(lane.answered(batches[0]!, ErrorCode.NOT_LEADER_OR_FOLLOWER)).toBe("again");
    expect(lane.answered(batches[1]!, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)).toBe("again");
    expect(takeAll(lane)).toEqual([batches[0]]);
    expect(lane.answered(batches[0]!, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)).toBe("over");
  });

  it("takes a duplicate for delivered, and hears nothing of a batch twice", () => {
    const { lane, batches } = laneWith(1, false);
    takeAll(lane);
    expect(lane.answered(batches[0]!, ErrorCode.DUPLICATE_SEQUENCE_NUMBER)).toBe("acknowledged");
    expect(lane.answered(batches[0]!, ErrorCode.NONE)).toBeUndefined();
    expect(lane.pending).toEqual([]);
  });

  it.each([false, true])(
    "brings each batch once and in order into a log behind a bad network (all at once: %s)",
    (together) => {
      for (let seed = 1; seed <= 200; seed++) {
        const { lane, batches } = laneWith(30, together);
        expect(deliverAll(lane, new Random(seed)), `seed ${seed}`).toEqual(
          batches.map((batch) => batch.baseSequence),
        );
      }
    },
  );
});

function laneWith(count: number, together: boolean): { lane: ProducerLane; batches: ProducerBatch[] } {
  const lane = new ProducerLane(together);
  const batches = Array.from({ length: count }, (_, at): ProducerBatch => {
    const ids = Array.from({ length: 1 + (at % 3) }, (_each, index) => recordId("kafka-1", at * 3 + index));
    const batch = { baseSequence: lane.nextSequence, bytes: Uint8Array.of(at), ids };
    lane.add(batch);
    return batch;
  });
  return { lane, batches };
}

function takeAll(lane: ProducerLane): ProducerBatch[] {
  const taken: ProducerBatch[] = [];
  for (let batch = lane.take(); batch !== undefined; batch = lane.take()) taken.push(batch);
  return taken;
}

/** A broker that knows the last five batches, refuses now and then, and whose connections break before or after it acted. */
function deliverAll(lane: ProducerLane, random: Random): number[] {
  const log: { base: number; next: number }[] = [];
  const append = ({ baseSequence, ids }: ProducerBatch): number => {
    if (random.chance(0.1)) return ErrorCode.KAFKA_STORAGE_ERROR;
    if (log.slice(-5).some(({ base }) => base === baseSequence)) return ErrorCode.NONE;
    // One that it does not know begins where it likes, in Kafka: the test's producer is known from its first batch on.
    if (baseSequence !== (log.at(-1)?.next ?? 0)) return ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER;
    log.push({ base: baseSequence, next: baseSequence + ids.length });
    return ErrorCode.NONE;
  };
  let onTheWay: ProducerBatch[] = [];
  while (lane.pending.length > 0) {
    onTheWay.push(...takeAll(lane));
    const batch = onTheWay.shift();
    if (batch === undefined) throw new Error("nothing is on its way, and something is pending");
    const code = append(batch);
    if (random.chance(0.1)) {
      // The rest of what was sent may have reached the broker, too.
      for (const left of onTheWay.slice(0, random.below(onTheWay.length + 1))) append(left);
      onTheWay = [];
      lane.lost();
    } else if (lane.answered(batch, code) === "over") throw new Error(`over at ${batch.baseSequence}`);
  }
  return log.map(({ base }) => base);
}

describe("a connection of a foreign client", () => {
  it("takes answers in the order of its requests", async () => {
    const { world, peer, connection } = await connected();
    const first = connection.request(metadata, 12, { topics: [] });
    const second = connection.request(metadata, 12, { topics: [] });
    peer.answer(0, "one");
    peer.answer(1, "two");
    expect([(await first).clusterId, (await second).clusterId]).toEqual(["one", "two"]);
    expect(world.trace.violations).toEqual([]);
  });

  it("takes answers out of order for a broken promise", async () => {
    const { world, peer, connection } = await connected();
    const first = connection.request(metadata, 12, { topics: [] });
    const second = connection.request(metadata, 12, { topics: [] });
    peer.answer(1, "two");
    await expect(first).rejects.toThrow(ConnectionLost);
    await expect(second).rejects.toThrow(ConnectionLost);
    expect(world.trace.violations).toHaveLength(1);
  });

  it("ends when a request is not answered in time, with all that is outstanding", async () => {
    const { world, peer, connection } = await connected();
    const first = connection.request(metadata, 12, { topics: [] });
    const second = connection.request(metadata, 12, { topics: [] }, 5000);
    const ends = Promise.allSettled([first, second]);
    await world.runUntil(() => connection.isClosed, 60_000);
    expect(world.nowMs).toBe(10_000);
    expect(peer.isClosed).toBe(true);
    for (const end of await ends)
      expect(end).toMatchObject({ status: "rejected", reason: expect.any(ConnectionLost) });
    expect(world.trace.violations).toEqual([]);
  });

  it("that is not opened in time is none", async () => {
    const world = new World(1);
    const opening = KafkaConnection.open({
      process: new Process(world, "client"),
      transport: new Peer().transport,
      requestTimeoutMs: 10_000,
    });
    const failure = expect(opening).rejects.toThrow(ConnectionLost);
    await world.runUntil(() => false, 60_000);
    await failure;
  });
});

/** The other side of one connection. */
class Peer {
  isClosed = false;
  private readonly requests: Uint8Array[] = [];
  private handler: TransportHandler | undefined;

  readonly transport: OpenTransport = (handler) => {
    this.handler = handler;
    return {
      send: (message) => void this.requests.push(message),
      close: () => {
        this.isClosed = true;
        handler.closed("closed");
      },
    };
  };

  open(): void {
    this.handler?.opened();
  }

  answer(request: number, clusterId: string): void {
    const { correlationId } = decodeRequestHeader(this.requests[request] ?? new Uint8Array(0));
    const pieces = encodeResponse(metadata, 12, correlationId, { brokers: [], clusterId, topics: [] });
    this.handler?.message(Uint8Array.from(pieces.flatMap((piece) => [...piece])));
  }
}

async function connected(): Promise<{ world: World; peer: Peer; connection: KafkaConnection }> {
  const world = new World(1);
  const peer = new Peer();
  const opening = KafkaConnection.open({
    process: new Process(world, "client"),
    transport: peer.transport,
    requestTimeoutMs: 10_000,
  });
  peer.open();
  return { world, peer, connection: await opening };
}
