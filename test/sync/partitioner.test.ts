import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { murmur2, partitionOfKey } from "../../sync/partitioner.ts";
import { seeded } from "./virtual-clock.ts";

// A foreign client's hash, which agrees with Kafka's Java one.
const theirs = createRequire(import.meta.url)("kafkajs/src/producer/partitioners/default/murmur2.js") as (
  key: Buffer,
) => number;

test("hashes as Kafka's own tests say", () => {
  // org.apache.kafka.common.utils.UtilsTest, testMurmur2
  const known: [string, number][] = [
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
  ];
  for (const [key, hash] of known) expect(murmur2(new TextEncoder().encode(key))).toBe(hash);
});

test("agrees with kafkajs on keys of every length", () => {
  const random = seeded(9);
  for (let length = 0; length < 70; length++) {
    const key = Uint8Array.from({ length }, () => Math.floor(random() * 256));
    expect(murmur2(key) | 0, `length ${length}`).toBe(theirs(Buffer.from(key)) | 0);
    for (const partitions of [1, 2, 3, 7, 100]) {
      const partition = partitionOfKey(key, partitions);
      expect(partition).toBe((theirs(Buffer.from(key)) & 0x7fffffff) % partitions);
    }
  }
});
