/** Mistakes in the gateway: its files, its answers, its pushes. */
import type { Mistake } from "./mistake.ts";

export const gatewayMistakes: readonly Mistake[] = [
  {
    name: "small-file-renamed-before-its-sync",
    breaks: "A small file is replaced by one that is whole: its bytes are durable before its name is.",
    edits: [
      {
        file: "gateway/store/file-store.ts",
        find: "      await writeAll(this.files, fd, [bytes], 0);\n      await this.syncs.run(() => this.files.sync(fd));",
        replace: "      await writeAll(this.files, fd, [bytes], 0);",
      },
    ],
  },
  {
    name: "rename-not-synced",
    breaks: "A small file that was written is there, as it was written, after a loss of power.",
    edits: [
      {
        file: "gateway/store/file-store.ts",
        find: "    await this.files.rename(temporary, path);\n    await this.syncEntry(directoryOf(path));",
        replace: "    await this.files.rename(temporary, path);",
      },
    ],
  },
  {
    name: "entry-of-a-new-file-not-synced",
    breaks: "A file that was synced is still in its directory after a loss of power.",
    edits: [
      {
        file: "gateway/store/file-append.ts",
        find: "        await this.host.syncEntry();\n",
        replace: "",
      },
    ],
  },
  {
    name: "new-directory-not-synced",
    breaks:
      "The directory of a new partition is still there after a loss of power, with all that was synced in it.",
    edits: [
      {
        file: "gateway/store/file-store.ts",
        find: "      await this.syncDirectory(directoryOf(at));\n      this.durableDirectories.add(at);",
        replace: "      this.durableDirectories.add(at);",
      },
    ],
  },
  {
    name: "deletion-not-synced",
    breaks: "What was deleted does not come back after a loss of power.",
    edits: [
      {
        file: "gateway/store/file-store.ts",
        find: 'const isThere = await this.syncDirectory(at).then(() => true, ignoring("ENOENT"));',
        replace: "const isThere: boolean = true;",
      },
    ],
  },
  {
    name: "short-write-taken-for-whole",
    breaks: "A write that stops short is continued.",
    edits: [
      { file: "gateway/store/file-calls.ts", find: "rest = after(rest, written);", replace: "rest = [];" },
    ],
  },
  {
    name: "short-write-continued-in-place",
    breaks: "A write that stops short is continued where it stopped.",
    edits: [{ file: "gateway/store/file-calls.ts", find: "    position += written;\n", replace: "" }],
  },
  {
    name: "short-read-taken-for-the-end",
    breaks: "A read that stops short is continued: only no bytes at all are the end of a file.",
    edits: [
      {
        file: "gateway/store/file-calls.ts",
        find: "    filled += count;\n",
        replace: "    if (count < length) return bytes.slice(0, count);\n    filled += count;\n",
      },
    ],
  },
  {
    name: "sync-of-older-bytes-clears-the-mark",
    breaks: "Bytes that were written while a sync was under way are synced by the next one.",
    edits: [
      {
        file: "gateway/store/file-append.ts",
        find: "if (this.written === covered && !this.sizeChanged) this.dirty = false;",
        replace: "if (this.written >= covered && !this.sizeChanged) this.dirty = false;",
      },
    ],
  },
  {
    name: "acknowledged-when-written",
    breaks: "acks=all is answered when the batch is synced, acks=1 when it is written.",
    edits: [
      {
        file: "gateway/api/produce.ts",
        find: "(acks === ACKS.synced ? result.synced : result.written)",
        replace: "(acks === ACKS.none ? result.synced : result.written)",
      },
    ],
  },
  {
    name: "acks-1-not-waited-for",
    breaks: "acks=1 is answered after the write: it survives a crash of the process.",
    edits: [
      {
        file: "gateway/api/produce.ts",
        find: "(acks === ACKS.synced ? result.synced : result.written)",
        replace: "(acks === ACKS.synced ? result.synced : Promise.resolve())",
      },
    ],
  },
  {
    name: "live-a-turn-too-late",
    breaks: "A reader that has caught up is live in the same step: nothing falls between.",
    edits: [
      {
        file: "gateway/api/subscriber.ts",
        find: "    if (fenced === undefined) subscription.feed.join(subscription);\n",
        replace:
          "    if (fenced === undefined) void this.hub.nextTurn().then(() => subscription.feed.join(subscription));\n",
      },
      {
        // Both ends guard against it: a frame that does not follow on what was sent is held back here.
        file: "gateway/api/subscriber.ts",
        find: "} else if (!subscription.ended && next.from === subscription.next) {",
        replace: "} else if (!subscription.ended) {",
      },
      {
        // And at the other end: there it would be asked for again.
        file: "sync/joined-range.ts",
        find: "  if (frame.from > expected) {\n",
        replace: "  if (frame.from < 0n) {\n",
      },
    ],
  },
  {
    name: "drained-socket-forgotten",
    breaks: "A reader whose socket was backed up gets the rest when it has drained.",
    edits: [
      {
        file: "gateway/api/subscriber.ts",
        find: "    this.lagging = false;\n    this.schedule();",
        replace: "    this.lagging = false;",
      },
    ],
  },
  {
    name: "gap-not-told",
    breaks: "A reader is told which range retention has removed before it had read it.",
    edits: [
      {
        file: "gateway/api/partition-feed.ts",
        find: "to: logStartOffset, errorCode: ErrorCode.OFFSET_OUT_OF_RANGE };",
        replace: "to: logStartOffset, errorCode: ErrorCode.NONE };",
      },
    ],
  },
  {
    name: "answers-out-of-order",
    breaks: "On a Kafka connection answers keep the order of their requests.",
    edits: [
      {
        file: "gateway/clients/connection.ts",
        find: "    request.done = { pieces };\n    if (this.options.ordered) {",
        replace: "    request.done = { pieces };\n    if (!this.options.ordered) {",
      },
    ],
  },
];
