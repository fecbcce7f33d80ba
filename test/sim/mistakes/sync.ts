/** Mistakes on the way between a device and the gateway: outbox, delivery, feed, follower. */
import type { Mistake } from "./mistake.ts";

export const syncMistakes: readonly Mistake[] = [
  {
    name: "queued-before-stored",
    breaks: "What was queued is durable on the device.",
    caughtBy: ["queued does not vanish"],
    seed: 45,
    edits: [
      {
        file: "sync/outbox.ts",
        find: "        const ids = await this.addGroup(group);\n",
        replace:
          "        const ids: number[] = [];\n" + "        this.addGroup(group).catch(() => undefined);\n",
      },
    ],
  },
  {
    name: "sequence-reused",
    breaks: "A sequence is taken once.",
    caughtBy: ["acknowledged is durable", "sequences join", "queued does not vanish"],
    seed: 1,
    edits: [
      {
        file: "sync/delivery-rows.ts",
        find: "nextSequence: sequenceAfter(lane.nextSequence, plan.records.length) });",
        replace: "nextSequence: lane.nextSequence });",
      },
    ],
  },
  {
    name: "outbox-transaction-dropped",
    breaks:
      "A batch is sealed in one transaction: its records, its sequence and its bytes are stored together or not.",
    caughtBy: [
      "queued is delivered",
      "acknowledged is durable",
      "queued does not vanish",
      "nothing is twice",
    ],
    seed: 186,
    edits: [
      {
        file: "sync/delivery-rows.ts",
        find:
          "): Promise<FrozenBatch | undefined> {\n" +
          '  return store.transact("readwrite", async (rows) => {\n' +
          "    await checkTerm(rows, term);\n",
        replace:
          "): Promise<FrozenBatch | undefined> {\n" +
          "  const eachAlone = new Proxy({} as OutboxTransaction, {\n" +
          "    get: (_, name) =>\n" +
          "      (...row) =>\n" +
          '        store.transact("readwrite", (rows) => rows[name](...row)),\n' +
          "  });\n" +
          "  return (async (rows) => {\n" +
          "    await checkTerm(rows, term);\n",
      },
      {
        file: "sync/delivery-rows.ts",
        find: "    return { ...batch, id };\n  });\n",
        replace: "    return { ...batch, id };\n  })(eachAlone);\n",
      },
    ],
  },
  {
    name: "batch-sealed-twice",
    breaks:
      "A record is sealed into one batch: the transaction that stores the batch takes its records out of those that wait.",
    caughtBy: ["nothing is twice", "outboxes tell the truth"],
    seed: 1,
    edits: [
      {
        file: "sync/delivery-rows.ts",
        find: "    if (!(await rows.freezeRecords(recordIds))) return undefined;\n",
        replace: "",
      },
    ],
  },
  {
    name: "outbox-emptied-before-the-answer",
    breaks: "A record stays in the outbox until the log has it.",
    caughtBy: ["acknowledged is durable", "queued does not vanish"],
    seed: 1,
    edits: [
      {
        file: "sync/lane-delivery.ts",
        find: "      const baseOffset = await produceOnce(this.host.connection, batch);",
        replace:
          "      await settle(this.host.options.store, this.host.term, batch, -1n);\n" +
          "      const baseOffset = await produceOnce(this.host.connection, batch);",
      },
    ],
  },
  {
    name: "sealed-anew-after-a-reconnect",
    breaks: "What was sent and not answered is sent again bit for bit, under the same sequence.",
    caughtBy: ["nothing is twice"],
    seed: 1,
    edits: [
      {
        file: "sync/delivery.ts",
        find: "import { block, freeze,",
        replace: "import { takeApart, block, freeze,",
      },
      {
        file: "sync/delivery.ts",
        find: "      const lane = this.laneOf(batch, batch.topic);\n      lane.add(batch, false);\n",
        replace:
          "      const next = { producerId: batch.producerId, producerEpoch: batch.producerEpoch + 1 };\n" +
          '      await takeApart(this.options.store, this.term, [{ batch, state: "waiting", reason: null }], next);\n' +
          "      const lane = this.laneOf(batch, batch.topic);\n",
      },
    ],
  },
  {
    name: "partition-chosen-anew",
    breaks: "A batch that was sent once is sent again to the same partition.",
    caughtBy: ["acknowledged is durable", "nothing is twice", "keys stay together"],
    seed: 5,
    edits: [
      {
        file: "sync/delivery.ts",
        find: "      const lane = this.laneOf(batch, batch.topic);\n      lane.add(batch, false);\n",
        replace:
          "      const anew = { ...batch, partition: this.stickyPartition(topic) };\n" +
          "      const lane = this.laneOf(anew, anew.topic);\n" +
          "      lane.add(anew, false);\n",
      },
    ],
  },
  {
    name: "stored-batches-sent-backwards",
    breaks: "A producer's records stand in a partition in the order that they were published in.",
    caughtBy: ["producers keep order"],
    seed: 58,
    edits: [
      {
        file: "sync/delivery.ts",
        find: "    for (const batch of batches) {\n",
        replace: "    for (const batch of batches.toReversed()) {\n",
      },
    ],
  },
  {
    name: "second-deliverer-not-refused",
    breaks: "Two tabs never deliver one outbox, whatever became of the lock.",
    caughtBy: ["nothing is twice"],
    seed: 1,
    edits: [
      {
        file: "sync/outbox-rows.ts",
        find: "  if ((await rows.term()) !== term) throw new Superseded();",
        replace: "  if ((await rows.term()) < 0) throw new Superseded();",
      },
      {
        file: "web-client/core/leadership.ts",
        find: "return `${this.options.device.name}/leader`;",
        replace: "return `${this.options.device.name}/leader/${this.options.tab}`;",
      },
      {
        file: "web-client/core/leadership.ts",
        find: "      if (term > session.term) session.end();\n",
        replace: "",
      },
      {
        file: "sync/delivery-rows.ts",
        find: "    if (!(await rows.freezeRecords(recordIds))) return undefined;\n",
        replace: "    await rows.freezeRecords(recordIds);\n",
      },
    ],
  },
  {
    name: "later-term-not-heard-of",
    breaks: "Replicas are written on though the account's store, and the term in it, was thrown away alone.",
    caughtBy: ["what is read is sound", "readers get on"],
    seed: 307,
    edits: [
      {
        file: "web-client/core/leadership.ts",
        find: "options.device.onLaterTerm((term) => this.heardOf(term));",
        replace: "options.device.onLaterTerm(() => undefined);",
      },
      {
        file: "web-client/core/leadership.ts",
        find: "takeOver(device.outbox, Math.max(Math.floor(host.clock.now()), this.term + 1));",
        replace: "takeOver(device.outbox, Math.floor(host.clock.now()));",
      },
    ],
  },
  {
    name: "acknowledgement-of-the-write-only",
    breaks: "The outbox lets go of a record when it is durable in the log.",
    caughtBy: ["acknowledged is durable"],
    seed: 16,
    edits: [{ file: "sync/produce-requests.ts", find: "      acks: -1,", replace: "      acks: 1," }],
  },
  {
    name: "receipts-not-read",
    breaks: "A tab learns what became of its records, whatever happened to the tab that delivered them.",
    caughtBy: ["fates are told"],
    seed: 23,
    edits: [
      {
        file: "sync/fates.ts",
        find: "const receipts = await rows.receiptsAfter(this.seen);",
        replace: "const receipts = await rows.receiptsAfter(Number.MAX_SAFE_INTEGER);",
      },
      // Else what has left without a word is found by its absence.
      {
        file: "sync/fates.ts",
        find: "if (there === undefined) return;",
        replace: "if (there === undefined || there.size >= 0) return;",
      },
    ],
  },
  {
    name: "successor-gets-what-was-meant-for-another",
    breaks: "A record that was published for a topic is not delivered to another one of the same name.",
    caughtBy: ["nothing from nowhere"],
    seed: 23,
    edits: [
      {
        file: "sync/delivery.ts",
        find: "(record.clusterId ?? this.clusterId) === this.clusterId && (record.topicId ?? topic.id) === topic.id",
        replace: "(record.clusterId ?? this.clusterId) === this.clusterId && topic.id !== undefined",
      },
    ],
  },
  {
    name: "range-check-skipped",
    breaks: "Ranges join: a reader notices when something is missing between two pushes.",
    caughtBy: ["readers miss nothing", "readers reach the end"],
    seed: 6,
    edits: [
      {
        file: "sync/joined-range.ts",
        find: "  if (frame.from > expected) {\n",
        replace: "  if (frame.from < 0n) {\n",
      },
      {
        file: "sync/push-inbox.ts",
        find: "if (!isRange || frame.from > this.joining || frame.to <= this.joining) return;",
        replace: "if (!isRange || frame.to <= this.joining) return;",
      },
      {
        file: "log/replicated-range.ts",
        find: "  if (from !== end || to < from) {",
        replace: "  if (to < from) {",
      },
    ],
  },
  {
    name: "left-behind-not-noticed",
    breaks:
      "Who is behind where another one on the connection has moved the subscription on asks again, and does not wait for the next record.",
    caughtBy: ["readers get on"],
    seed: 131,
    edits: [
      {
        file: "sync/push-inbox.ts",
        find: "return this.joining === undefined && this.movedTo > this.end;",
        replace: "return this.joining === undefined && this.movedTo < -1n;",
      },
    ],
  },
  {
    name: "gap-kept-from-the-app",
    breaks: "An app is told which range retention has removed before it had read it.",
    caughtBy: ["readers miss nothing"],
    seed: 18,
    edits: [
      {
        file: "sync/subscription.ts",
        find: "      options.onGap?.(event.from, event.to);\n      next = event.to;",
        replace: "      next = event.to;",
      },
    ],
  },
  {
    name: "epoch-not-told-by-a-replica",
    breaks: "A replica whose history is not the log's any more is cut back to where they agree.",
    caughtBy: ["a replica is the log", "readers get on", "one offset, one record"],
    seed: 99,
    edits: [
      {
        file: "sync/follower.ts",
        find: ": { offset: log.logEndOffset, lastEpoch: log.lastEpoch },",
        replace: ": { offset: log.logEndOffset, lastEpoch: -1 },",
      },
    ],
  },
];
