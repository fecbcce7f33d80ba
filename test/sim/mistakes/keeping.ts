/** Mistakes in what a log does not keep: retention takes what is not due, compaction what is still the last word. */
import type { Mistake } from "./mistake.ts";

export const keepingMistakes: readonly Mistake[] = [
  {
    name: "tombstone-gone-at-once",
    breaks: "A tombstone stays for delete.retention.ms after compaction has seen it.",
    caughtBy: ["logs are whole", "acknowledged is durable", "readers miss nothing", "read is durable"],
    seed: 111,
    edits: [
      {
        file: "log/batch-compaction.ts",
        find: "const areTombstonesOver = horizon !== undefined && horizon < BigInt(nowMs);",
        replace: "const areTombstonesOver = true;",
      },
    ],
  },
  {
    name: "last-of-a-key-taken",
    breaks: "Compaction leaves the last record of each key.",
    caughtBy: ["logs are whole", "acknowledged is durable", "readers miss nothing", "commits stay"],
    seed: 13,
    edits: [
      {
        file: "log/offset-map.ts",
        find: "return last !== undefined && last > offset;",
        replace: "return last !== undefined && last >= offset;",
      },
    ],
  },
  {
    name: "younger-than-the-lag-compacted",
    breaks: "No record that is younger than min.compaction.lag.ms is compacted.",
    caughtBy: ["logs are whole", "acknowledged is durable", "readers miss nothing"],
    seed: 56,
    edits: [
      {
        file: "log/compaction-plan.ts",
        find: "if (config.minCompactionLagMs > 0n && ageMs < config.minCompactionLagMs) break;",
        replace: "",
      },
    ],
  },
  {
    name: "compacted-segment-not-synced",
    breaks: "A compacted segment is on the disk before it takes the place of what it was made of.",
    caughtBy: ["whole before it has its name", "logs are whole", "partitions come back"],
    seed: 9,
    edits: [
      {
        file: "log/cleaned-segment.ts",
        find: "    await this.write();\n    await this.file.sync();\n",
        replace: "    await this.write();\n",
      },
    ],
  },
  {
    name: "swap-forgotten-at-the-start",
    breaks: "A start ends the exchange of segments that a crash has cut short.",
    caughtBy: ["logs are whole", "partitions come back"],
    seed: 20,
    edits: [
      {
        file: "log/partition-recovery.ts",
        find: "if (found.swaps.length === 0) return found;",
        replace: "if (found.swaps.length >= 0) return found;",
      },
    ],
  },
  {
    name: "hole-where-nothing-is-left",
    breaks: "Batches of a leader's log join, compacted or not: a hole is damage.",
    caughtBy: ["logs are whole", "partitions come back", "what is read is sound"],
    seed: 13,
    edits: [
      {
        file: "log/cleaned-segment.ts",
        find: "    if (covered !== undefined) this.put(fillerBatch(this.files.engine, covered));\n",
        replace: "    if (covered === undefined) return;\n",
      },
    ],
  },
  {
    name: "compaction-believes-the-old-end",
    breaks: "What is new since the last compaction is looked through before anything is taken.",
    caughtBy: ["logs are whole", "acknowledged is durable", "readers miss nothing"],
    seed: 13,
    edits: [
      {
        file: "log/batch-compaction.ts",
        find: "const isLast = key !== null && !map.isSuperseded(key, offset);",
        replace: "const isLast = key !== null && map.isLast(key, offset);",
      },
      {
        file: "log/offset-map.ts",
        find: "  /** Each byte is one character: no two keys have one name. */",
        replace:
          "  isLast(key: Uint8Array, offset: bigint): boolean {\n" +
          "    return this.offsets.get(this.nameOf(key)) === offset;\n" +
          "  }\n",
      },
    ],
  },
  {
    name: "files-removed-before-the-start-is-recorded",
    breaks: "The log start is durable before retention removes a file.",
    caughtBy: ["logs are whole", "partitions come back"],
    seed: 88,
    edits: [
      {
        file: "log/log-front.ts",
        find: "      await this.record(start);\n      const bytes",
        replace:
          "      await deleteFilesBefore(this.files.store, this.files.directory, start);\n" +
          "      await this.record(start);\n      const bytes",
      },
    ],
  },
  {
    name: "one-segment-more-than-too-much",
    breaks: "What is left of a log is not less than retention.bytes.",
    caughtBy: ["retention takes what is due"],
    seed: 63,
    edits: [
      {
        file: "log/retention.ts",
        find: "if (excess < 0 || !mayGo(segments, count, highWatermark, end)) return count;",
        replace:
          "if (excess + segment.bytes < 0 || !mayGo(segments, count, highWatermark, end)) return count;",
      },
    ],
  },
];
