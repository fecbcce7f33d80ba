import { expect, test } from "vitest";
import { MemoryStore } from "../../log/memory-store.ts";
import type { ReadableStore } from "../../web-client/core/directory-store.ts";
import { walkSegments } from "../../web-client/core/segment-walk.ts";
import type { SegmentPlace } from "../../web-client/core/segment-walk.ts";
import { BatchHeader } from "../../log/batch.ts";
import { loadEngine } from "../engine/load.ts";
import { seeded } from "../sync/virtual-clock.ts";

const engine = loadEngine();

class TestStore extends MemoryStore implements ReadableStore {
  bytesRead = 0;
  onLost(): () => void {
    return () => undefined;
  }

  async size(name: string): Promise<number> {
    return (await this.open(name)).size;
  }

  async readAt(name: string, position: number, length: number): Promise<Uint8Array> {
    const bytes = await (await this.open(name)).read(position, length);
    this.bytesRead += bytes.byteLength;
    return bytes;
  }
}

function batchOf(offset: bigint, records: number, bytes: number): Uint8Array {
  const inputs = Array.from({ length: records }, () => ({
    key: null,
    value: new Uint8Array(bytes),
    timestamp: 1,
  }));
  const batch = engine.writeBatch(inputs, {
    codec: 0,
    producerId: -1n,
    producerEpoch: -1,
    baseSequence: -1,
    bytesMax: 1 << 27,
  });
  new BatchHeader(batch).stamp(offset, 0);
  return batch;
}

const segment = (base: bigint): string => `t-0/${String(base).padStart(20, "0")}.log`;

test("finds every batch from any offset on, over segments, pieces and batches larger than a piece", async () => {
  const random = seeded(4);
  const store = new TestStore();
  const all: { from: bigint; to: bigint }[] = [];
  let offset = 5n;
  for (let index = 0; index < 4; index++) {
    const file = await store.open(segment(offset));
    for (let batch = 0; batch < 12; batch++) {
      const records = 1 + Math.floor(random() * 5);
      const bytes = batch === 6 ? 700_000 : Math.floor(random() * 100_000);
      await file.append([batchOf(offset, records, bytes)]);
      all.push({ from: offset, to: offset + BigInt(records) });
      offset += BigInt(records);
    }
  }
  await store.write("t-0/leader-epoch-checkpoint", new Uint8Array(10));
  await store.write(segment(0n).replace("t-0", "t-01"), batchOf(0n, 1, 10));
  for (let from = 0n; from <= offset; from += 7n) {
    const found: bigint[] = [];
    for await (const { batch } of walkSegments(store, "t-0", from))
      found.push(new BatchHeader(batch).baseOffset);
    expect(found).toEqual(all.filter((batch) => batch.to > from).map((batch) => batch.from));
  }
});

test("a torn tail ends the walk, and the place where it stood finds what comes later without reading all again", async () => {
  const store = new TestStore();
  const file = await store.open(segment(0n));
  for (let offset = 0n; offset < 50n; offset++) await file.append([batchOf(offset, 1, 1000)]);
  const last = batchOf(50n, 1, 1000);
  await file.append([last.subarray(0, 400)]);
  let place: SegmentPlace | undefined;
  let count = 0;
  for await (const walked of walkSegments(store, "t-0", 0n)) {
    place = walked.next;
    count += 1;
  }
  expect(count).toBe(50);
  await file.append([last.subarray(400)]);
  store.bytesRead = 0;
  const found: bigint[] = [];
  for await (const { batch } of walkSegments(store, "t-0", 50n, place))
    found.push(new BatchHeader(batch).baseOffset);
  expect(found).toEqual([50n]);
  expect(store.bytesRead).toBe(last.byteLength);
});
