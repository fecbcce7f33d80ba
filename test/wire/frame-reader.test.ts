import { describe, expect, test } from "vitest";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { framePrefix, FrameReader } from "../../wire/frame-reader.ts";
import { decodePush, encodePushHeader } from "../../wire/push.ts";
import { ZERO_UUID } from "../../wire/uuid.ts";
import { expectSame } from "./expect-same.ts";
import { Random } from "./random.ts";

const MIB = 1024 * 1024;

function framed(messages: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(messages.flatMap((message) => [framePrefix(message.length), message])));
}

/** Messages of a stream that is fed in the given chunks; copied, since chunks may be used again. */
function messagesOf(chunks: Iterable<Uint8Array>, frameBytesMax = MIB): Uint8Array[] {
  const reader = new FrameReader({ frameBytesMax });
  const messages: Uint8Array[] = [];
  for (const chunk of chunks) for (const message of reader.push(chunk)) messages.push(message.slice());
  expect(reader.buffered).toBe(0);
  return messages;
}

function* chunksOf(bytes: Uint8Array, size: () => number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length;) {
    const end = at + size();
    yield bytes.slice(at, end);
    at = end;
  }
}

describe("however a stream is cut into chunks, its messages are the same", () => {
  const random = new Random(20260102);
  const lengths = [0, 1, 3, 4, 5, 0, 100, 65_535, 65_536, 65_537, 0, 200_000, 7, 0];
  const messages = lengths.map((length) => random.bytes(length));
  const stream = framed(messages);

  test("at once", () => expectSame(messagesOf([stream]), messages, ""));
  test("one byte at a time", () => expectSame(messagesOf(chunksOf(stream, () => 1)), messages, ""));

  test("in chunks of random size", () => {
    for (let seed = 1; seed <= 25; seed++) {
      const sizes = new Random(seed);
      const most = sizes.pick([4, 9, 5000, 70_000, 150_000]);
      expectSame(messagesOf(chunksOf(stream, () => 1 + sizes.below(most))), messages, `seed ${seed}`);
    }
  });

  test("with empty chunks in between", () => {
    const chunks = [...chunksOf(stream.subarray(0, 60), () => 3)].flatMap((chunk) => [
      new Uint8Array(0),
      chunk,
    ]);
    expectSame(messagesOf([...chunks, stream.subarray(60)]), messages, "");
  });
});

describe("memory", () => {
  test("messages from memory that is lent stay as they are when it is used again", () => {
    const reader = new FrameReader({ frameBytesMax: MIB, lent: true });
    const messages = [20, 30, 0, 5].map((length, at) => new Uint8Array(length).fill(at + 1));
    const stream = framed(messages);
    const memory = Buffer.alloc(11);
    const taken: Uint8Array[] = [];
    for (const chunk of chunksOf(stream, () => memory.length)) {
      memory.set(chunk);
      taken.push(...reader.push(memory.subarray(0, chunk.length)));
    }
    memory.fill(0xff);
    expectSame(taken, messages, "");
  });

  test("a message that lies in one chunk is a view on it", () => {
    const chunk = framed([new Uint8Array(10), new Uint8Array(20)]);
    const reader = new FrameReader({ frameBytesMax: 100 });
    for (const message of reader.push(chunk)) expect(message.buffer).toBe(chunk.buffer);
  });

  test("a message that spans chunks is put together in memory of exactly its size", () => {
    for (const length of [1001, 65_536, 65_537, 300_000, MIB]) {
      const reader = new FrameReader({ frameBytesMax: MIB });
      const stream = framed([new Uint8Array(length)]);
      const messages = [...chunksOf(stream, () => 1000)].flatMap((chunk) => [...reader.push(chunk)]);
      expect(messages.map((message) => message.buffer.byteLength)).toEqual([length]);
    }
  });

  test("a length that is claimed takes no memory until its bytes come", () => {
    const claim = framePrefix(100 * MIB);
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 50 }, () => {
      const reader = new FrameReader({ frameBytesMax: 100 * MIB });
      expect([...reader.push(claim), ...reader.push(new Uint8Array(1000))]).toEqual([]);
      return reader;
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * MIB);
    expect(readers.map(({ buffered }) => buffered)).toEqual(readers.map(() => 1004));
  });

  test("what is held stays within twice what has come", () => {
    const reader = new FrameReader({ frameBytesMax: 100 * MIB });
    expect([...reader.push(framePrefix(100 * MIB))]).toEqual([]);
    const before = process.memoryUsage().arrayBuffers;
    const chunk = new Uint8Array(256 * 1024);
    for (let i = 0; i < 33; i++) expect([...reader.push(chunk)]).toEqual([]);
    expect(reader.buffered).toBe(4 + 33 * chunk.length);
    // 16 MiB held, and up to twice 8 MiB that were outgrown and may not have been collected yet.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(33 * MIB);
  });
});

describe("lengths that cannot be", () => {
  test.each([
    ["negative", -1],
    ["the most negative", -0x80000000],
    ["one more than allowed", 1001],
    ["the largest", 0x7fffffff],
  ])("%s", (_, length) => {
    const reader = new FrameReader({ frameBytesMax: 1000 });
    const bad = new Uint8Array(8);
    new DataView(bad.buffer).setInt32(0, length);
    const read = () => [...reader.push(bad)];
    expect(read).toThrowError(expect.objectContaining({ code: ErrorCode.INVALID_REQUEST }));
    // What comes after cannot be told apart any more.
    expect(read).toThrowError(KafkaError);
  });

  test("messages before a bad length are given first", () => {
    const reader = new FrameReader({ frameBytesMax: 1000 });
    const stream = new Uint8Array([...framed([new Uint8Array([1, 2])]), 0xff, 0xff, 0xff, 0xff]);
    const seen: Uint8Array[] = [];
    expect(() => {
      for (const message of reader.push(stream)) seen.push(message);
    }).toThrowError(KafkaError);
    expect(seen).toEqual([new Uint8Array([1, 2])]);
  });

  test("the largest allowed length is allowed", () => {
    expect(messagesOf([framed([new Uint8Array(1000)])], 1000)).toHaveLength(1);
  });

  test("a chunk that was left half read is not silently forgotten", () => {
    const reader = new FrameReader({ frameBytesMax: 1000 });
    for (const message of reader.push(framed([new Uint8Array(1), new Uint8Array(2)]))) {
      expect(message).toHaveLength(1);
      break;
    }
    expect(() => [...reader.push(new Uint8Array(1))]).toThrowError(/left in the middle/);
  });
});

test("a body of HTTP history gives the same frames fed one byte at a time as at once", () => {
  const random = new Random(7);
  const frames = Array.from({ length: 40 }, (_, index) => ({
    errorCode: random.pick([0, 1]),
    topicId: ZERO_UUID,
    partition: 3,
    leaderEpoch: index,
    highWatermark: 4000n,
    lastStableOffset: 4000n,
    from: BigInt(100 * index),
    to: BigInt(100 * index + 100),
    records: random.bytes(random.below(500)),
  }));
  const body = framed(
    frames.map(({ records, ...header }) => new Uint8Array([...encodePushHeader(header), ...records])),
  );
  expect(messagesOf([body]).map(decodePush)).toEqual(frames);
  expect(messagesOf(chunksOf(body, () => 1)).map(decodePush)).toEqual(frames);
});
