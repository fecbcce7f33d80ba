/** Mistakes in the browser: what is stored, by whom, and for whom. */
import type { Mistake } from "./mistake.ts";

export const webClientMistakes: readonly Mistake[] = [
  {
    name: "outbox-not-strict",
    breaks: "What was queued survives a loss of power of the device.",
    caughtBy: ["queued does not vanish", "nothing is twice", "acknowledged is durable"],
    seed: 16,
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
    caughtBy: [
      "what is read is sound",
      "a replica is the log",
      "replicas read what they hold",
      "readers miss nothing",
    ],
    seed: 3,
    edits: [
      {
        file: "web-client/idb-store.ts",
        find: "const gone = isMerged ? loose.slice(1) : [];",
        replace: "const gone = isMerged ? loose.slice(1, 1) : [];",
      },
    ],
  },
  {
    name: "last-row-lost-in-a-merge",
    breaks: "Rows that are merged lose no bytes.",
    caughtBy: [
      "what is read is sound",
      "a replica is the log",
      "replicas read what they hold",
      "readers miss nothing",
    ],
    seed: 3,
    edits: [
      {
        file: "web-client/idb-store.ts",
        find: "cut([...loose.map((chunk) => chunk.bytes), ...pieces],",
        replace: "cut(loose.map((chunk) => chunk.bytes),",
      },
    ],
  },
  {
    name: "accounts-share-an-outbox",
    breaks: "Another user's outbox is never sent nor read.",
    caughtBy: ["principals stay apart"],
    seed: 1,
    edits: [
      {
        file: "web-client/databases.ts",
        find: "return `rivulet/account/${encodeURIComponent(principal)}/${encodeURIComponent(account)}`;",
        replace: "return `rivulet/account/${encodeURIComponent(account)}`;",
      },
    ],
  },
];
