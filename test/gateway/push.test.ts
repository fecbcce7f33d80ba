import { describe, expect, it } from "vitest";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { rig, type RigSocket } from "./push-rig.ts";

const KIB = 1024;

describe("a subscriber that keeps up", () => {
  it("gets what is there first, then one frame a tick for all that came within it", async () => {
    const { newLog, newSocket, settle } = rig();
    const log = newLog();
    log.append([2, 3]);
    const socket = newSocket();
    socket.subscriber?.subscribe(log, 0n);
    await settle();
    expect(socket.followed(0n)).toBe(5n);
    const before = socket.frames.length;
    const reads = log.reads;
    for (let n = 0; n < 16; n++) log.append([1]);
    await settle();
    expect(socket.followed(0n)).toBe(21n);
    expect(socket.frames.length).toBe(before + 1);
    expect(log.reads).toBe(reads);
  });

  it("gets nothing below where it asked to begin", async () => {
    const { newLog, newSocket, settle } = rig();
    const log = newLog();
    log.append([5]);
    const socket = newSocket();
    socket.subscriber?.subscribe(log, 5n);
    await settle();
    expect(socket.frames).toEqual([]);
    log.append([1]);
    await settle();
    expect(socket.followed(5n)).toBe(6n);
  });

  it("gets a large tick in pieces that end at batches", async () => {
    const { newLog, newSocket, settle } = rig();
    const log = newLog();
    const socket = newSocket();
    socket.subscriber?.subscribe(log, 0n);
    await settle();
    log.append(
      Array.from({ length: 40 }, () => 3),
      100 * KIB,
    );
    await settle();
    expect(socket.followed(0n)).toBe(120n);
    expect(socket.frames.length).toBeGreaterThan(10);
    expect(Math.max(...socket.frames.map(({ records }) => records.byteLength))).toBeLessThanOrEqual(
      256 * KIB,
    );
  });

  it("shares its frames: they are made once for all", async () => {
    const { newLog, newSocket, settle } = rig();
    const log = newLog();
    const sockets = [newSocket(), newSocket(), newSocket()];
    for (const socket of sockets) socket.subscriber?.subscribe(log, 0n);
    await settle();
    log.append([1]);
    await settle();
    for (const socket of sockets) expect(socket.followed(0n)).toBe(1n);
    expect(log.reads).toBe(0);
  });
});

describe("joining while the log grows", () => {
  it("a subscriber that catches up between an advance and its flush gets it once", async () => {
    const { newLog, newSocket, settle } = rig();
    const log = newLog();
    const live = newSocket();
    live.subscriber?.subscribe(log, 0n);
    await settle();
    // Advances in every turn, while others join at every point in between.
    const joiners: { socket: RigSocket; from: bigint }[] = [];
    for (let turn = 0; turn < 50; turn++) {
      log.append([1]);
      const socket = newSocket();
      const from = log.highWatermark - BigInt(turn % 3);
      joiners.push({ socket, from: from < 0n ? 0n : from });
      socket.subscriber?.subscribe(log, joiners.at(-1)?.from ?? 0n);
      log.append([2]);
      await settle(turn % 4);
      log.append([1]);
    }
    await settle(30);
    expect(live.followed(0n)).toBe(log.highWatermark);
    for (const { socket, from } of joiners) expect(socket.followed(from)).toBe(log.highWatermark);
  });

  it("and a frame begins where it has joined, so that it needs no read of its own", async () => {
    const { newLog, newSocket, settle } = rig();
    const log = newLog();
    const live = newSocket();
    live.subscriber?.subscribe(log, 0n);
    await settle();
    const joiner = newSocket();
    // In this order: it joins at 1, the log grows again, the tick is flushed.
    joiner.subscriber?.subscribe(log, 1n);
    setImmediate(() => log.append([1]));
    log.append([1]);
    await settle();
    expect(live.followed(0n)).toBe(2n);
    expect(joiner.followed(1n)).toBe(2n);
    expect(log.reads).toBe(0);
  });
});

describe("a subscriber that does not read", () => {
  it("costs no more than the frame it stopped at, however much the log grows", async () => {
    const { newLog, newSocket, settle } = rig();
    const log = newLog();
    const slow = newSocket();
    const quick = newSocket();
    for (const socket of [slow, quick]) socket.subscriber?.subscribe(log, 0n);
    await settle();
    slow.stalled = true;
    for (let n = 0; n < 100; n++) {
      log.append([1, 1], 100 * KIB);
      await settle(2);
    }
    expect(quick.followed(0n)).toBe(200n);
    expect(slow.mostBuffered).toBeLessThan(512 * KIB);
    const stoppedAt = slow.followed(0n);
    expect(stoppedAt).toBeLessThan(10n);
    slow.drain();
    await settle(200);
    expect(slow.followed(0n)).toBe(200n);
    // And live again: no more reads for it.
    const { reads } = log;
    log.append([1]);
    await settle();
    expect(slow.followed(0n)).toBe(201n);
    expect(log.reads).toBe(reads);
  });

  it("is told which range retention has removed meanwhile", async () => {
    const { newLog, newSocket, settle } = rig();
    const log = newLog();
    const slow = newSocket();
    slow.subscriber?.subscribe(log, 0n);
    await settle();
    slow.stalled = true;
    log.append([1], 10 * KIB);
    await settle();
    for (let n = 0; n < 20; n++) log.append([1]);
    log.trim(10n);
    slow.drain();
    await settle(20);
    expect(slow.followed(0n)).toBe(21n);
    const gap = slow.frames.find(({ errorCode }) => errorCode === ErrorCode.OFFSET_OUT_OF_RANGE);
    expect(gap).toMatchObject({ from: 1n, to: 10n });
  });

  it("holds back all its partitions, and then serves them in turn", async () => {
    const { newLog, newSocket, settle } = rig();
    const logs = Array.from({ length: 5 }, (_, partition) => newLog(partition));
    const socket = newSocket();
    for (const log of logs) socket.subscriber?.subscribe(log, 0n);
    await settle();
    socket.stalled = true;
    for (let n = 0; n < 30; n++) for (const log of logs) log.append([1], 200 * KIB);
    await settle(20);
    socket.frames.length = 0;
    const starts = logs.map(({ highWatermark }) => highWatermark);
    socket.drain();
    await settle(600);
    // Among the first frames every partition has its turn.
    expect(new Set(socket.frames.slice(0, 5).map(({ partition }) => partition)).size).toBe(5);
    for (const [index, start] of starts.entries()) {
      const frames = socket.frames.filter(({ partition }) => partition === index);
      expect(frames.at(-1)?.to).toBe(start);
    }
  });
});

describe("what ends a subscription", () => {
  it("its topic is deleted: a Push says so, and nothing follows", async () => {
    const { newLog, newSocket, settle, deleteTopic } = rig();
    const log = newLog();
    const socket = newSocket();
    socket.subscriber?.subscribe(log, 0n);
    await settle();
    deleteTopic(log);
    expect(socket.frames.map(({ errorCode }) => errorCode)).toEqual([ErrorCode.UNKNOWN_TOPIC_ID]);
    log.append([1]);
    await settle();
    expect(socket.frames).toHaveLength(1);
    expect(log.followed).toBe(false);
  });

  it("its partition cannot be read: a Push carries the error", async () => {
    const { newLog, newSocket, settle } = rig();
    const log = newLog();
    log.append([1]);
    log.failWith = new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, "the disk is gone");
    const socket = newSocket();
    socket.subscriber?.subscribe(log, 0n);
    await settle();
    expect(socket.frames.map(({ errorCode }) => errorCode)).toEqual([ErrorCode.KAFKA_STORAGE_ERROR]);
    expect(socket.subscriber?.size).toBe(0);
  });

  it("a write to its partition has failed: all there is comes first, then a Push carries the error", async () => {
    const { newLog, newSocket, settle } = rig();
    const log = newLog();
    log.append([1, 1]);
    const [live, late, slow] = [newSocket(), newSocket(), newSocket()];
    live.subscriber?.subscribe(log, 0n);
    slow.subscriber?.subscribe(log, 0n);
    await settle();
    slow.stalled = true;
    log.append([1]);
    await settle();
    log.append([1]);
    log.fence();
    await settle();
    late.subscriber?.subscribe(log, 1n);
    slow.drain();
    await settle();
    for (const [socket, from] of [
      [live, 0n],
      [slow, 0n],
      [late, 1n],
    ] as const) {
      expect(socket.followed(from)).toBe(4n);
      expect(socket.frames.at(-1)).toMatchObject({
        errorCode: ErrorCode.KAFKA_STORAGE_ERROR,
        from: 4n,
        to: 4n,
      });
      expect(socket.frames.filter(({ errorCode }) => errorCode !== ErrorCode.NONE)).toHaveLength(1);
    }
    expect(log.followed).toBe(false);
  });

  it("Unsubscribe, at any point: nothing follows it", async () => {
    const { newLog, newSocket, settle } = rig();
    const log = newLog();
    const socket = newSocket();
    socket.subscriber?.subscribe(log, 0n);
    await settle();
    log.append([1]);
    expect(socket.subscriber?.unsubscribe(log.topicId, 0)).toBe(true);
    expect(socket.subscriber?.unsubscribe(log.topicId, 0)).toBe(false);
    await settle();
    expect(socket.frames).toEqual([]);
    expect(log.followed).toBe(false);
  });

  it("a second Subscribe takes the place of the first", async () => {
    const { newLog, newSocket, settle } = rig();
    const log = newLog();
    log.append([1]);
    log.append([1]);
    const socket = newSocket();
    socket.subscriber?.subscribe(log, 0n);
    socket.subscriber?.subscribe(log, 1n);
    await settle();
    log.append([1]);
    await settle();
    expect(socket.subscriber?.size).toBe(1);
    expect(socket.followed(1n)).toBe(3n);
  });

  it("the socket closes, at any point: it is never touched again", async () => {
    const { newLog, newSocket, settle } = rig();
    const log = newLog();
    for (let turns = 0; turns < 8; turns++) {
      const socket = newSocket();
      log.append([1], 300 * KIB);
      socket.subscriber?.subscribe(log, 0n);
      socket.stalled = turns % 2 === 1;
      await settle(turns);
      log.append([1]);
      socket.closed = true;
      socket.subscriber?.close();
      socket.subscriber?.drained();
      await settle();
    }
    expect(log.followed).toBe(false);
  });
});

/** A small generator that a seed repeats exactly. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe("random histories", () => {
  const seeds =
    process.env["RIVULET_SEED"] === undefined
      ? Array.from({ length: 40 }, (_, index) => index + 1)
      : [Number(process.env["RIVULET_SEED"])];

  it.each(seeds)(
    "stalls, joins, leaves and retention leave no gap and no duplicate (RIVULET_SEED=%i)",
    async (seed) => {
      const random = randomFrom(seed);
      const { newLog, newSocket, settle } = rig();
      const logs = [newLog(0), newLog(1)];
      const followers: { socket: RigSocket; starts: bigint[] }[] = [];
      const actions: (() => void | Promise<void>)[] = [
        () =>
          logs[random(2)]?.append(
            Array.from({ length: 1 + random(4) }, () => 1 + random(3)),
            1 + random(150 * KIB),
          ),
        () => logs[random(2)]?.append([1 + random(5)], 1 + random(500)),
        () => {
          if (followers.length >= 8) return;
          const socket = newSocket();
          const starts = logs.map((log) => BigInt(random(Number(log.highWatermark) + 1)));
          for (const [index, log] of logs.entries()) socket.subscriber?.subscribe(log, starts[index] ?? 0n);
          followers.push({ socket, starts });
        },
        () => {
          const follower = followers[random(followers.length)];
          if (follower !== undefined) follower.socket.stalled = true;
        },
        () => followers[random(followers.length)]?.socket.drain(),
        () => {
          const log = logs[random(2)];
          const at = log === undefined ? 0n : log.highWatermark - BigInt(random(20));
          if (random(10) === 0 && at > (log?.logStartOffset ?? 0n)) log?.trim(at);
        },
        () => settle(1 + random(3)),
      ];
      for (let step = 0; step < 150; step++) await actions[random(actions.length)]?.();
      for (let round = 0; round < 40; round++) {
        for (const { socket } of followers) socket.drain();
        await settle(5);
      }
      for (const { socket, starts } of followers) {
        for (const [index, log] of logs.entries())
          expect(socket.followed(starts[index] ?? 0n, index)).toBe(log.highWatermark);
        expect(socket.mostBuffered).toBeLessThan(1024 * KIB);
      }
    },
  );
});
