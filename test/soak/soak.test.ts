/**
 * A soak of half a minute: small segments, three readers, retention and compaction, and kills. Counts and bytes are asserted, and
 * no times; on a slow machine it takes longer. RIVULET_SEED repeats what was random; when a kill strikes is up to the machine.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { soak } from "./soak.ts";
import { summary } from "./table.ts";
import { OFFSETS_BYTES_MAX, OFFSETS_TOPIC, soakTopics } from "./topics.ts";

const SEED = Number(process.env["RIVULET_SEED"] ?? Date.now() % 2 ** 31);
const MIB = 2 ** 20;
const LIVES = 3;
const LIFE_BYTES = MIB;
/** Three readers, six producers and one that asks now and then; each of two listeners, and Node's own. */
const SOCKETS_MAX = 24;
const FILES_BESIDE_SEGMENTS = 60;
const HEAP_BYTES_MAX = 64 * MIB;
const BUFFER_BYTES_MAX = 128 * MIB;

test(
  `disk, handles and memory stay bounded, and every reader is right, among ${LIVES - 1} kills (RIVULET_SEED=${SEED})`,
  { timeout: 300_000 },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "rivulet-soak-"));
    try {
      const report = await soak({
        seed: SEED,
        directory,
        recordsPerSecond: 300,
        lives: LIVES,
        isOver: (_, __, bytes) => bytes >= LIFE_BYTES,
        sampleMs: 1000,
        sampled: () => {},
      });
      const { samples, atRest, segments, warnings } = report;
      console.info(summary(report));
      expect(atRest.compactions).toBeGreaterThan(0);
      expect(atRest.removedSegments).toBeGreaterThan(0);
      expect(atRest.producedBytes).toBeGreaterThanOrEqual(LIVES * LIFE_BYTES);
      // At rest the bounds hold that were waited for; on the way what is about to go comes on top.
      for (const { name, settledBytesMax } of soakTopics)
        expect(atRest.disk.get(name), name).toBeLessThanOrEqual(settledBytesMax);
      expect(atRest.disk.get(OFFSETS_TOPIC)).toBeLessThanOrEqual(OFFSETS_BYTES_MAX);
      expect(atRest.deletedFiles).toBe(0);
      expect(atRest.files).toBeLessThanOrEqual(segments + FILES_BESIDE_SEGMENTS);
      for (const { sockets, heapBytes = 0, bufferBytes = 0 } of samples) {
        expect(sockets).toBeLessThanOrEqual(SOCKETS_MAX);
        expect(heapBytes).toBeLessThan(HEAP_BYTES_MAX);
        expect(bufferBytes).toBeLessThan(BUFFER_BYTES_MAX);
      }
      expect(warnings.filter((words) => /is not compacted|has failed|takes no more/.test(words))).toEqual([]);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
);
