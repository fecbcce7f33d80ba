/** Mistakes in the log: when something counts as durable, what recovery makes of a crash, who a producer is. */
import type { Mistake } from "./mistake.ts";

export const logMistakes: readonly Mistake[] = [
  {
    name: "acknowledge-before-sync",
    breaks: "What is acknowledged with acks=all survives a loss of power.",
    caughtBy: ["acknowledged is durable", "read is durable", "one offset, one record", "producers are known"],
    seed: 60,
    edits: [
      {
        file: "log/commit-queue.ts",
        find: "await last.segment.file?.sync();",
        replace: "last.segment.file?.sync().catch((error) => this.fail(asError(error)));",
      },
    ],
  },
  {
    name: "served-above-the-high-watermark",
    breaks: "Nothing at or above the synced end is shown to anybody.",
    caughtBy: ["read is durable", "one offset, one record", "readers miss nothing", "a replica is the log"],
    seed: 16,
    edits: [
      {
        file: "log/commit-queue.ts",
        find:
          "    if (lazyFlush === undefined) return this.startSyncing();\n" +
          "    this.countWritten();\n" +
          "    this.flushLater(",
        replace:
          "    this.host.advanced([group]);\n" +
          "    if (lazyFlush === undefined) return this.startSyncing();\n" +
          "    group.counts = true;\n" +
          "    group.synced.resolve();\n" +
          "    this.flushLater(",
      },
      {
        file: "log/commit-queue.ts",
        find: "    if (news.length > 0) this.host.advanced(news);\n",
        replace: "",
      },
    ],
  },
  {
    name: "failed-sync-tried-again",
    breaks: "A failed sync is never tried again: the kernel may have dropped the pages, and report success.",
    caughtBy: ["a failed sync is not tried again"],
    seed: 23,
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
    caughtBy: ["a failed sync is not tried again"],
    seed: 23,
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
    caughtBy: ["logs are whole", "acknowledged is durable", "partitions come back"],
    seed: 1,
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
    caughtBy: ["logs are whole", "partitions come back"],
    seed: 16,
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
    caughtBy: ["what is read is sound", "logs are whole"],
    seed: 105,
    edits: [
      {
        file: "log/partition-recovery.ts",
        find: "    return scanSegment({ engine, file, baseOffset, indexIntervalBytes: config.indexIntervalBytes, visit });\n",
        replace:
          "    return scanSegment({\n" +
          "      ...{ engine, file, baseOffset, indexIntervalBytes: config.indexIntervalBytes, visit },\n" +
          "    }).then(async (result) => {\n" +
          "      let { validBytes, endOffset } = result;\n" +
          "      try {\n" +
          "        for await (const { position, header } of walkHeaders(segment, 0, file.size)) {\n" +
          "          validBytes = position + header.bytes;\n" +
          "          endOffset = header.lastOffset + 1n;\n" +
          "        }\n" +
          "      } catch {}\n" +
          "      if (validBytes <= result.validBytes) return result;\n" +
          '      return { ...result, validBytes, endOffset, ending: validBytes === file.size ? "whole" : "torn" };\n' +
          "    });\n",
      },
    ],
  },
  {
    name: "appended-after-a-torn-tail",
    breaks: "Nothing is appended after torn bytes: recovery cuts them first.",
    caughtBy: ["logs are whole", "acknowledged is durable", "what is read is sound"],
    seed: 7,
    edits: [
      {
        file: "log/recovery.ts",
        find: '{ when: { place: "last" }, decision: "cut" },',
        replace: '{ when: { place: "last" }, decision: "keep" },',
      },
    ],
  },
  {
    name: "producers-forgotten-at-the-start",
    breaks: "A batch that is sent again after the gateway was down stands in the log once.",
    caughtBy: ["producers are known", "nothing is twice"],
    seed: 1,
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
    caughtBy: ["acknowledged is durable", "producers are known"],
    seed: 48,
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
    name: "epoch-bump-forgotten",
    breaks: "After an unclean stop every partition is led in a higher epoch.",
    caughtBy: [
      "a replica is the log",
      "replicas can follow",
      "one offset, one record",
      "readers miss nothing",
    ],
    seed: 16,
    edits: [
      {
        file: "log/cluster.ts",
        find: "if (!clean && known !== undefined) await cluster.raiseEpochs();",
        replace: "",
      },
    ],
  },
  {
    name: "producer-ids-handed-out-again",
    breaks:
      "A producer id is given once: two producers under one id take each other's batches for their own.",
    caughtBy: ["sequences join", "nothing is twice", "acknowledged is durable"],
    seed: 12,
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
    caughtBy: ["nothing is twice", "sequences join"],
    seed: 1,
    edits: [
      {
        file: "log/partition-log.ts",
        find: "if (repeated !== undefined) {",
        replace: "if (repeated !== undefined && repeated.lastOffset < 0n) {",
      },
    ],
  },
  {
    name: "duplicate-answered-before-its-sync",
    breaks: "A batch that is sent again while its first copy is being synced waits for that sync.",
    caughtBy: ["acknowledged is durable", "producers are known"],
    seed: 52,
    edits: [
      {
        file: "log/partition-log.ts",
        find: "const group = this.queue.groupOf(lastOffset);",
        replace: "const group = undefined;",
      },
    ],
  },
  {
    name: "remembered-batches-off-by-one",
    breaks: "The last five batches of a producer are recognised: so many may be in flight.",
    caughtBy: ["producers are known"],
    seed: 160,
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
    caughtBy: ["sequences join", "producers are known", "producers keep order"],
    seed: 43,
    edits: [
      {
        file: "log/producer-state.ts",
        find: "if (header.baseSequence !== expected) throw outOfOrder(header, expected);",
        replace: "if (header.baseSequence < expected) throw outOfOrder(header, expected);",
      },
    ],
  },
  {
    name: "log-start-not-durable",
    breaks: "The log start is durable before anything is deleted because of it, and before anybody is told.",
    caughtBy: ["logs are whole", "deleted stays deleted"],
    seed: 31,
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
    caughtBy: ["logs are whole", "deleted stays deleted", "deleted is not read"],
    seed: 18,
    edits: [
      {
        file: "log/log-segments.ts",
        find: "    this.start = recovered.logStart;\n",
        replace: "    this.start = recovered.segments[0]?.baseOffset ?? 0n;\n",
      },
    ],
  },
  {
    name: "crc-of-a-produced-batch-not-checked",
    breaks: "A batch is as its producer sealed it, or it is refused: its CRC is checked before it is taken.",
    caughtBy: ["damaged batches are refused"],
    seed: 203,
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
      {
        file: "log/batch-check.ts",
        find: '  if (timestamps === undefined) throw invalid("the batch\'s records have not been read");\n',
        replace: "  if (timestamps === undefined) return { header, maxTimestamp: header.maxTimestamp };\n",
      },
    ],
  },
  {
    name: "one-record-more-deleted",
    breaks: "DeleteRecords takes what it was asked to, and nothing behind it.",
    caughtBy: ["logs are whole", "readers miss nothing"],
    seed: 88,
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
