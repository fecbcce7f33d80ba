/** Mistakes in the log: when something counts as durable, what recovery makes of a crash, who a producer is. */
import type { Mistake } from "./mistake.ts";

export const logMistakes: readonly Mistake[] = [
  {
    name: "acknowledge-before-sync",
    breaks: "What is acknowledged with acks=all survives a loss of power.",
    edits: [
      {
        file: "log/commit-queue.ts",
        find: "await last.segment.file?.sync();",
        replace: "last.segment.file?.sync().catch((error) => this.fail(asError(error)));",
      },
    ],
  },
  {
    name: "readable-when-written",
    breaks: "Nothing at or above the synced end is shown to anybody.",
    edits: [
      {
        file: "log/commit-queue.ts",
        find: "if (lazyFlush !== undefined) this.host.advanced([group]);",
        replace: "this.host.advanced([group]);",
      },
      {
        file: "log/commit-queue.ts",
        find: "        if (!isLazy) this.host.advanced(groups);\n",
        replace: "",
      },
    ],
  },
  {
    name: "read-beyond-the-high-watermark",
    breaks: "Nothing at or above the synced end is shown to anybody, whatever offset the read began at.",
    edits: [
      {
        file: "log/segment-reader.ts",
        find: "const limit = segment.readableBytes;\n      const next = segments[at + 1];",
        replace: "const limit = segment.bytes;\n      const next = segments[at + 1];",
      },
    ],
  },
  {
    name: "failed-sync-tried-again",
    breaks: "A failed sync is never tried again: the kernel may have dropped the pages, and report success.",
    edits: [
      {
        file: "log/commit-queue.ts",
        find: "await last.segment.file?.sync();",
        replace: "await last.segment.file?.sync().catch(() => last.segment.file?.sync());",
      },
      {
        file: "gateway/store/file-append.ts",
        find: "        this.entryDurable = true;\n      }\n    } catch (error) {\n      throw this.fail(error);",
        replace: "        this.entryDurable = true;\n      }\n    } catch (error) {\n      throw error;",
      },
    ],
  },
  {
    name: "fence-forgotten-after-a-failed-sync",
    breaks: "After a failed sync a partition takes nothing more until it has been opened again.",
    edits: [
      {
        file: "log/commit-queue.ts",
        find: "        await last.segment.file?.sync();\n",
        replace:
          "        const isSynced = await last.segment.file?.sync().then(\n" +
          "          () => true,\n" +
          "          () => false,\n" +
          "        );\n" +
          "        if (isSynced === false) {\n" +
          '          for (const group of groups) group.synced.reject(new Error("not synced"));\n' +
          "          continue;\n" +
          "        }\n",
      },
      {
        file: "gateway/store/file-append.ts",
        find: "        this.entryDurable = true;\n      }\n    } catch (error) {\n      throw this.fail(error);",
        replace: "        this.entryDurable = true;\n      }\n    } catch (error) {\n      throw error;",
      },
    ],
  },
  {
    name: "roll-before-sync",
    breaks: "A segment's file is created only after everything before it is synced; a sync covers one file.",
    edits: [
      {
        file: "log/commit-queue.ts",
        find: "          await this.syncAll();\n          if (this.failure !== undefined) break;\n",
        replace: "",
      },
    ],
  },
  {
    name: "synced-end-noted-before-the-sync",
    breaks: "The noted synced end is never higher than what is synced: recovery refuses what ends below it.",
    edits: [
      {
        file: "log/commit-queue.ts",
        find: "await last.segment.file?.sync();",
        replace: "this.host.synced(last);\n        await last.segment.file?.sync();",
      },
    ],
  },
  {
    name: "length-trusted-in-recovery",
    breaks:
      "Recovery checks each batch: lengths that lead to a file's end say nothing about what is between.",
    edits: [
      {
        file: "log/partition-recovery.ts",
        find: "    let result = await this.scanOne(last);\n",
        replace:
          "    let result = await this.scanOne(last);\n" +
          '    const trusted = result.ending === "whole" ? undefined : await endOfWhole(last, 0);\n' +
          '    if (trusted !== undefined) result = { ...result, ending: "whole", validBytes: size, endOffset: trusted };\n',
      },
    ],
  },
  {
    name: "torn-tail-kept",
    breaks: "Nothing is appended after torn bytes: recovery cuts them first.",
    edits: [
      {
        file: "log/recovery.ts",
        find: '{ when: { place: "last" }, decision: "cut" },',
        replace: '{ when: { place: "last" }, decision: "keep" },',
      },
    ],
  },
  {
    name: "damage-cut-like-a-torn-tail",
    breaks: "Damage below the synced end is damage to acknowledged data, and is refused, not cut away.",
    edits: [
      {
        file: "log/recovery.ts",
        find: '{ when: { place: "last", syncedEnd: "above" }, decision: "refuse" },',
        replace: '{ when: { place: "last", syncedEnd: "above", ending: "whole" }, decision: "refuse" },',
      },
    ],
  },
  {
    name: "recovered-and-not-synced",
    breaks: "What a killed process left in the page cache is synced before it is served again.",
    edits: [
      {
        file: "log/partition-recovery.ts",
        find: 'if (decision === "cut" || result.endOffset > this.syncedEnd.offset) await this.makeDurable(last, result);',
        replace: 'if (decision === "cut") await this.makeDurable(last, result);',
      },
    ],
  },
  {
    name: "recovered-and-only-synced",
    breaks:
      "After a failed sync pages may be marked as clean and not be on the disk: what a restart finds is written anew.",
    edits: [
      {
        file: "log/partition-recovery.ts",
        find: 'if (decision === "cut" || result.endOffset > this.syncedEnd.offset) await this.makeDurable(last, result);',
        replace:
          'if (decision === "cut") await this.makeDurable(last, result);\n    else await last.file?.sync();',
      },
    ],
  },
  {
    name: "producers-forgotten-at-the-start",
    breaks: "A batch that is sent again after the gateway was down stands in the log once.",
    edits: [
      {
        file: "log/partition-recovery.ts",
        find: "this.producers.note({ ...batch, lastOffsetDelta }, batch.lastOffset, batch.maxTimestamp, nowMs);",
        replace:
          "if (nowMs < 0) this.producers.note({ ...batch, lastOffsetDelta }, batch.lastOffset, -1n, 0);",
      },
    ],
  },
  {
    name: "producers-of-batches-to-come-in-the-snapshot",
    breaks:
      "A snapshot tells of the batches before its offset only: what follows may be lost, and is then no duplicate.",
    edits: [
      {
        file: "log/log-segments.ts",
        find: "      await writeCheckpoint(store, this.directory, checkpoint, this.syncedEnd);\n      this.rolls.delete(next);",
        replace:
          "      const { segment, offset } = checkpoint;\n" +
          "      const late = takeCheckpoint(this.options.engine, segment, offset, this);\n" +
          "      await writeCheckpoint(store, this.directory, late, this.syncedEnd);\n" +
          "      this.rolls.delete(next);",
      },
    ],
  },
  {
    name: "epochs-not-raised-after-a-crash",
    breaks: "After an unclean stop every partition is led in a higher epoch.",
    edits: [
      {
        file: "log/cluster.ts",
        find: "if (!clean && known !== undefined) await cluster.raiseEpochs();",
        replace: "",
      },
    ],
  },
  {
    name: "clean-mark-left-standing",
    breaks: "The mark of a clean shutdown is gone, durably, before anything is written.",
    edits: [
      {
        file: "log/cluster-files.ts",
        find: "if (mark !== undefined) await store.delete([CLEAN_SHUTDOWN]);",
        replace: "",
      },
    ],
  },
  {
    name: "metadata-written-and-not-synced",
    breaks: "A topic that was made is still there after a loss of power.",
    edits: [
      {
        file: "log/metadata-log.ts",
        find: "await this.log.append(engine.writeBatch(inputs, sealing)).synced;",
        replace: "await this.log.append(engine.writeBatch(inputs, sealing)).written;",
      },
    ],
  },
  {
    name: "producer-ids-handed-out-again",
    breaks:
      "A producer id is given once: two producers under one id take each other's batches for their own.",
    edits: [
      {
        file: "log/cluster.ts",
        find: "brokerEpoch: -1n, nextProducerId },",
        replace: "brokerEpoch: -1n, nextProducerId: start },",
      },
    ],
  },
  {
    name: "duplicate-appended-again",
    breaks: "A batch whose sequence is in the log already is answered with where it stands, not appended.",
    edits: [
      {
        file: "log/partition-log.ts",
        find: "if (repeated !== undefined)\n      return this.appended(",
        replace: "if (repeated !== undefined && repeated.lastOffset < 0n)\n      return this.appended(",
      },
    ],
  },
  {
    name: "duplicate-answered-before-its-sync",
    breaks: "A batch that is sent again while its first copy is being synced waits for that sync.",
    edits: [
      {
        file: "log/partition-log.ts",
        find: "this.queue.groupOf(repeated.lastOffset),",
        replace: "undefined,",
      },
    ],
  },
  {
    name: "remembered-batches-off-by-one",
    breaks: "The last five batches of a producer are recognised: so many may be in flight.",
    edits: [
      {
        file: "log/producer-state.ts",
        find: "if (batches.length > PRODUCER_BATCHES_MAX) batches.shift();",
        replace: "if (batches.length >= PRODUCER_BATCHES_MAX) batches.shift();",
      },
    ],
  },
  {
    name: "sequence-gap-taken",
    breaks: "A batch is taken only when the one before it stands in the log.",
    edits: [
      {
        file: "log/producer-state.ts",
        find: "if (header.baseSequence !== expected) throw outOfOrder(header, expected);",
        replace: "if (header.baseSequence < expected) throw outOfOrder(header, expected);",
      },
    ],
  },
  {
    name: "directory-of-another-topic-opened",
    breaks: "A topic that is made again under the same name gets nothing of the one before.",
    edits: [
      { file: "log/cluster.ts", find: "      await this.removals.get(name.toLowerCase());\n", replace: "" },
      {
        file: "log/cluster.ts",
        find: "      await makeWay({ store: this.options.store, image: this.image }, name, 0, partitions);\n",
        replace: "",
      },
      {
        file: "log/partition-directory.ts",
        find: "  if (found === topicId && hasSegments) return;\n",
        replace: "  if (hasSegments) return;\n",
      },
    ],
  },
  {
    name: "identity-deleted-with-the-rest",
    breaks: "Whose files a crash left behind can be told: the file that says so goes last.",
    edits: [
      {
        file: "log/partition-directory.ts",
        find: "  await store.delete(names.filter((name) => name !== identity));\n  await store.delete([identity]);",
        replace: "  await store.delete([identity, ...names.filter((name) => name !== identity)]);",
      },
    ],
  },
  {
    name: "leftovers-not-removed",
    breaks: "What a crash left of a deleted topic is removed at the next start, so that its name is free.",
    edits: [
      {
        file: "log/cluster-directories.ts",
        find: "if (id !== undefined && image.wasRemoved(id)) return await deletePartitionFiles(store, directory);",
        replace: "",
      },
      {
        file: "log/cluster-directories.ts",
        find: "    if (image.wasRemoved(id)) return await deletePartitionFiles(store, directory);\n",
        replace: "",
      },
    ],
  },
  {
    name: "log-start-not-durable",
    breaks: "The log start is durable before anything is deleted because of it, and before anybody is told.",
    edits: [
      {
        file: "log/log-segments.ts",
        find: "    await writeLogStart(this.options.store, this.options.engine, this.directory, offset);\n",
        replace:
          "    writeLogStart(this.options.store, this.options.engine, this.directory, offset).catch(() => undefined);\n",
      },
    ],
  },
  {
    name: "log-start-forgotten-at-the-start",
    breaks: "Records that were deleted stay deleted, also after a restart.",
    edits: [
      {
        file: "log/log-segments.ts",
        find: "    this.start = recovered.logStart;\n",
        replace: "    this.start = recovered.segments[0]?.baseOffset ?? 0n;\n",
      },
    ],
  },
  {
    name: "tail-copy-not-synced",
    breaks: "The end of a log is cut off, to be written anew, only when a copy of it is on the disk.",
    edits: [{ file: "log/tail-rewrite.ts", find: "  await copy.sync();\n", replace: "" }],
  },
  {
    name: "rewriting-not-ended",
    breaks: "A start that was cut short while it wrote the end of a log anew is made good by the next one.",
    edits: [
      {
        file: "log/partition-recovery.ts",
        find: "  await finishRewrite({ store, engine, directory, syncedEnd });\n",
        replace: '  if (directory === "") await finishRewrite({ store, engine, directory, syncedEnd });\n',
      },
    ],
  },
  {
    name: "damaged-partition-begun-anew",
    breaks:
      "Files that are damaged are left as they are, and their partition is offline until they are mended.",
    edits: [
      {
        file: "log/cluster.ts",
        find: 'import { OfflinePartition, type Partition } from "./offline-partition.ts";\n',
        replace:
          'import { OfflinePartition, type Partition } from "./offline-partition.ts";\n' +
          'import { deletePartitionFiles } from "./partition-directory.ts";\n',
      },
      {
        file: "log/cluster.ts",
        find: "return PartitionLog.open(options).catch((error: unknown) => this.offline(options, error));",
        replace:
          "return PartitionLog.open(options)\n" +
          "      .catch(async () => {\n" +
          "        await deletePartitionFiles(options.store, `${options.topic}-${options.partition}`);\n" +
          "        return PartitionLog.open(options);\n" +
          "      })\n" +
          "      .catch((error: unknown) => this.offline(options, error));",
      },
    ],
  },
  {
    name: "crc-of-a-produced-batch-not-checked",
    breaks: "A batch is as its producer sealed it, or it is refused: its CRC is checked before it is taken.",
    edits: [
      {
        file: "log/batch-check.ts",
        find:
          "  if (size < 0) throw refusedByEngine(size, check.uncompressedBytesMax);\n" +
          "  if (size !== batch.length)\n",
        replace:
          "  if (size < 0 && size !== BAD_CRC) throw refusedByEngine(size, check.uncompressedBytesMax);\n" +
          "  if (size >= 0 && size !== batch.length)\n",
      },
    ],
  },
  {
    name: "one-record-more-deleted",
    breaks: "DeleteRecords takes what it was asked to, and nothing behind it.",
    edits: [
      {
        file: "log/log-segments.ts",
        find:
          "    await writeLogStart(this.options.store, this.options.engine, this.directory, offset);\n" +
          "    this.start = offset;\n",
        replace:
          "    await writeLogStart(this.options.store, this.options.engine, this.directory, offset + 1n);\n" +
          "    this.start = offset + 1n;\n",
      },
    ],
  },
];
