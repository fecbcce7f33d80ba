/** Digests of closed segments: read once for all who ask, and only as long as one of them wants it. */
import { expect, it } from "vitest";
import { MemoryStore } from "../../log/memory-store.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { appendAll, batchOf, config, engine, failureOf, openLeader } from "./harness.ts";
import type { ClosedSegment } from "../../log/closed-segments.ts";

/** Pieces that the digest below takes. */
const PIECES = 4;

/** A closed segment of some pieces' length, whose reads can be held up. */
async function largeSegment(): Promise<{
  segment: ClosedSegment;
  whole: () => Promise<string>;
  reads: () => number;
  hold: () => () => void;
}> {
  const store = new MemoryStore();
  let held: Promise<void> = Promise.resolve();
  let reads = 0;
  const open = store.open.bind(store);
  store.open = async (name) => {
    const file = await open(name);
    const read = file.read.bind(file);
    file.read = async (position, length) => {
      reads++;
      await held;
      return read(position, length);
    };
    return file;
  };
  const log = await openLeader(store, { config: config({ "segment.bytes": PIECES * 2 ** 20 }) });
  const value = new Uint8Array(2 ** 19 - 200);
  await appendAll(
    log,
    Array.from({ length: PIECES * 2 + 1 }, () => batchOf([value])),
  );
  const [segment] = log.closedSegments(0n);
  if (segment === undefined) throw new Error("no segment was closed");
  const whole = async (): Promise<string> => {
    const crc = engine.crc32c(await segment.read(0, segment.bytes));
    return crc.toString(16).padStart(8, "0");
  };
  const hold = (): (() => void) => {
    let release = (): void => {};
    held = new Promise((resolve) => (release = resolve));
    return release;
  };
  return { segment, whole, reads: () => reads, hold };
}

it("is not read to its end when whoever asked has left", async () => {
  const { segment, whole, reads, hold } = await largeSegment();
  let isThere = true;
  const release = hold();
  const before = reads();
  const failing = failureOf(() => segment.digest(() => isThere));
  isThere = false;
  release();
  expect((await failing).code).toBe(ErrorCode.REQUEST_TIMED_OUT);
  expect(reads() - before).toBe(1);
  expect(await segment.digest()).toBe(await whole());
});

it("is read on for another who has asked for it meanwhile", async () => {
  const { segment, whole, reads, hold } = await largeSegment();
  let isThere = true;
  const release = hold();
  const before = reads();
  const first = segment.digest(() => isThere);
  const second = segment.digest();
  isThere = false;
  release();
  expect(await second).toBe(await whole());
  expect(await first).toBe(await second);
  expect(reads() - before).toBe(PIECES + 1);
});
