/** A log in which compaction leaves batches empty whose records were the newest of their segments. */
import type { CompactionMeans } from "../../log/compaction.ts";
import type { PartitionLog } from "../../log/partition-log.ts";
import { appendAll, batchOf, config, START_MS } from "./harness.ts";

/** Of so many batches one is superseded, and its producer writes nothing more: that one stays, without records. */
const EMPTIED_EVERY = 6;
const BATCHES = 120;
const AHEAD_MS = 60_000;

export const MEANS: CompactionMeans = { mapBytesMax: 1e6, pace: () => Promise.resolve(true) };
export const emptiedSettings = {
  config: config({
    "cleanup.policy": "compact",
    "segment.bytes": 1500,
    "index.interval.bytes": 150,
    "min.cleanable.dirty.ratio": 0,
  }),
};

/**
 * One producer writes keys that stay, a second apart. Others write one batch each, of a clock that is a minute ahead; a third
 * kind supersedes what they wrote, by a clock that is right. Then so much is written that all of that is in closed segments.
 */
export async function writeAndEmpty(log: PartitionLog): Promise<void> {
  const batches: Uint8Array[] = [];
  const superseded: string[] = [];
  for (let at = 0; at < BATCHES; at++) {
    const timestamp = START_MS + at * 1000;
    if (at % EMPTIED_EVERY === EMPTIED_EVERY - 1) {
      const key = `ahead ${at}`;
      superseded.push(key);
      const producer = { producerId: BigInt(1000 + at), producerEpoch: 0, baseSequence: 0 };
      batches.push(batchOf([{ key, value: "x" }], { timestamp: timestamp + AHEAD_MS, ...producer }));
    } else batches.push(batchOf([{ key: `kept ${at}`, value: "x".repeat(at % 40) }], { timestamp }));
  }
  const timestamp = START_MS + BATCHES * 1000;
  for (const key of superseded) batches.push(batchOf([{ key, value: "right" }], { timestamp }));
  for (let at = 0; at < 10; at++)
    batches.push(batchOf([{ key: "last", value: "x".repeat(200) }], { timestamp }));
  await appendAll(log, batches);
}
