/** Mistakes in the gateway: its files, its answers, its pushes. */
import type { Mistake } from "./mistake.ts";

export const gatewayMistakes: readonly Mistake[] = [
  {
    name: "request-memory-given-away-too-early",
    breaks: "A batch is written and pushed as its producer sent it, whatever other requests come meanwhile.",
    caughtBy: ["acknowledged is durable", "logs are whole"],
    seed: 3,
    edits: [
      {
        file: "gateway/api/produce.ts",
        find: "Promise.all(inLog).then(() => services.clock.defer(() => context.messageDone()), ignored);",
        replace: "services.clock.defer(() => context.messageDone());",
      },
    ],
  },
  {
    name: "small-file-renamed-before-its-sync",
    breaks: "A small file is replaced by one that is whole: its bytes are durable before its name is.",
    caughtBy: ["whole before it has its name"],
    seed: 1,
    edits: [
      {
        file: "gateway/store/file-store.ts",
        find: "      await writeAll(this.files, fd, [bytes], 0);\n      if (isSynced) await this.syncs.run(() => this.files.sync(fd));",
        replace: "      await writeAll(this.files, fd, [bytes], 0);",
      },
    ],
  },
  {
    name: "rename-not-synced",
    breaks: "A small file that was written is there, as it was written, after a loss of power.",
    caughtBy: [
      "topics are there",
      "logs are whole",
      "acknowledged is durable",
      "topics can be made",
      "partitions come back",
    ],
    seed: 2,
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
    caughtBy: ["acknowledged is durable", "logs are whole", "partitions come back"],
    seed: 1,
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
    caughtBy: ["topics are there", "partitions come back", "logs are whole"],
    seed: 1,
    edits: [
      {
        file: "gateway/store/file-store.ts",
        find: "      await this.syncDirectory(directoryOf(at));\n      this.durableDirectories.add(at);",
        replace: "      this.durableDirectories.add(at);",
      },
    ],
  },
  {
    name: "short-write-taken-for-whole",
    breaks: "A write that stops short is continued.",
    caughtBy: ["what is read is sound", "logs are whole", "acknowledged is durable"],
    seed: 4,
    edits: [
      { file: "gateway/store/file-calls.ts", find: "rest = after(rest, written);", replace: "rest = [];" },
    ],
  },
  {
    name: "short-write-continued-in-place",
    breaks: "A write that stops short is continued where it stopped.",
    caughtBy: ["what is read is sound", "logs are whole", "acknowledged is durable"],
    seed: 6,
    edits: [{ file: "gateway/store/file-calls.ts", find: "    position += written;\n", replace: "" }],
  },
  {
    name: "acknowledged-when-written",
    breaks: "acks=all is answered when the batch is synced, acks=1 when it is written.",
    caughtBy: ["acknowledged is durable", "producers are known"],
    seed: 77,
    edits: [
      {
        file: "gateway/api/produce.ts",
        find: "(acks === ACKS.synced ? result.synced : result.written)",
        replace: "(acks === ACKS.none ? result.synced : result.written)",
      },
    ],
  },
  {
    name: "drained-socket-forgotten",
    breaks: "A reader whose socket was backed up gets the rest when it has drained.",
    caughtBy: ["readers get on"],
    seed: 18,
    edits: [
      {
        file: "gateway/api/subscriber.ts",
        find: "    this.lagging = false;\n    this.schedule();",
        replace: "    this.lagging = false;",
      },
    ],
  },
  {
    name: "answers-out-of-order",
    breaks: "On a Kafka connection answers keep the order of their requests.",
    caughtBy: ["answers keep their order"],
    seed: 1,
    edits: [
      {
        file: "gateway/clients/connection.ts",
        find: "    request.done = { pieces };\n    if (this.options.ordered) {",
        replace: "    request.done = { pieces };\n    if (!this.options.ordered) {",
      },
    ],
  },
];
