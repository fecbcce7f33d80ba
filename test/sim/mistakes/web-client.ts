/** Mistakes in the browser: what is stored, by whom, and for whom. */
import type { Mistake } from "./mistake.ts";

export const webClientMistakes: readonly Mistake[] = [
  {
    name: "sent-before-the-transaction-ends",
    breaks: "Only what is stored is sent: the transaction that took the sequence has ended by then.",
    edits: [
      {
        file: "web-client/idb-outbox-store.ts",
        find: "    await transaction.done;\n    return result;",
        replace: "    return result;",
      },
    ],
  },
  {
    name: "outbox-not-strict",
    breaks: "What was queued survives a loss of power of the device.",
    edits: [
      {
        file: "web-client/idb-outbox-store.ts",
        find: 'durability: "strict"',
        replace: 'durability: "relaxed"',
      },
    ],
  },
  {
    name: "merged-rows-not-deleted",
    breaks: "The bytes of a file are each in one row.",
    edits: [
      {
        file: "web-client/idb-store.ts",
        find: "const gone = isMerged ? loose.slice(1, -1) : [];",
        replace: "const gone = isMerged ? loose.slice(1, 1) : [];",
      },
    ],
  },
  {
    name: "last-row-lost-in-a-merge",
    breaks: "Rows that are merged lose no bytes.",
    edits: [
      {
        file: "web-client/idb-store.ts",
        find: "[...cut(concat(loose.map((chunk) => chunk.bytes)), loose[0]?.position ?? 0)]",
        replace: "[...cut(concat(this.loose.map((chunk) => chunk.bytes)), loose[0]?.position ?? 0)]",
      },
    ],
  },
  {
    name: "two-tabs-write-one-replica",
    breaks: "One tab writes a replica at a time.",
    edits: [
      {
        file: "web-client/core/replica-client.ts",
        find: "await this.options.device.locks.hold(this.lockName(keeper.partition), signal, () => keeper.write(signal));",
        replace: "await keeper.write(signal);",
      },
    ],
  },
  {
    name: "accounts-share-an-outbox",
    breaks: "Another user's outbox is never sent nor read.",
    edits: [
      {
        file: "web-client/databases.ts",
        find: "return `rivulet/account/${encodeURIComponent(principal)}/${encodeURIComponent(account)}`;",
        replace: "return `rivulet/account/${encodeURIComponent(account)}`;",
      },
    ],
  },
  {
    name: "row-not-cut",
    breaks: "What is cut off a file is gone: what is appended next follows on what was kept.",
    edits: [
      {
        file: "web-client/idb-store.ts",
        find: "      if (isCut) changes.push(cursor.update(cursor.value.slice(0, size - start)));\n",
        replace:
          "      if (isCut && size < 0) changes.push(cursor.update(cursor.value.slice(0, size - start)));\n",
      },
    ],
  },
  {
    name: "rows-beyond-the-cut-kept",
    breaks: "What is cut off a file is gone: it does not come up again behind what is appended next.",
    edits: [
      {
        file: "web-client/idb-store.ts",
        find: "    changes.push(rows.delete(IDBKeyRange.bound([name, size], [name, Infinity])));\n",
        replace: "",
      },
    ],
  },
];
