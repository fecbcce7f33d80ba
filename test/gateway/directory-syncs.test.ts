/** Syncs of a directory are shared, but never by those who come too late for one. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { FileStore } from "../../gateway/store/file-store.ts";
import { Deferred } from "../../log/deferred.ts";
import { realFiles } from "./real-files.ts";

let directory: string;
let store: FileStore;
/** What has happened to files and directories below the store's own, in order. */
let events: string[];
let watchers: { event: string; seen: Deferred }[];
/** Syncs of directories wait for it. */
let held: Deferred;

const happened = (event: string): void => {
  events.push(event);
  for (const watcher of watchers) if (watcher.event === event) watcher.seen.resolve();
};
const seen = (event: string): Promise<void> => {
  const watcher = { event, seen: new Deferred() };
  watchers.push(watcher);
  if (events.includes(event)) watcher.seen.resolve();
  return watcher.seen.promise;
};
const nameOf = (path: string): string => path.slice(directory.length + 1);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "rivulet-directory-"));
  [events, watchers, held] = [[], [], new Deferred()];
  held.resolve();
  const { files } = realFiles;
  const watched: typeof files = {
    ...files,
    rename: async (from, to) => {
      await files.rename(from, to);
      happened(`renamed to ${nameOf(to)}`);
    },
    syncDirectory: async (path) => {
      happened(`sync of ${nameOf(path)}`);
      await held.promise;
      await files.syncDirectory(path);
      happened(`synced ${nameOf(path)}`);
    },
  };
  store = await FileStore.open(directory, { ...realFiles, files: watched });
  await store.write("t-0/first", new Uint8Array(1));
  events = [];
});
afterEach(async () => {
  held.resolve();
  await store.close();
  await rm(directory, { recursive: true });
});

it("a file that is renamed while its directory is synced is not told as durable by that sync", async () => {
  held = new Deferred();
  const before = store.write("t-0/before", new Uint8Array(1));
  await seen("sync of t-0");
  const late = ["a", "b", "c"].map((name) => store.write(`t-0/${name}`, new Uint8Array(1)));
  for (const name of ["a", "b", "c"]) await seen(`renamed to t-0/${name}`);
  void Promise.all(late).then(() => happened("told"));
  held.resolve();
  await Promise.all([before, ...late]);
  await seen("told");
  // One for the first, and one for all that came while it ran.
  expect(events.filter((event) => event.includes("t-0") && event.startsWith("sync"))).toEqual([
    "sync of t-0",
    "synced t-0",
    "sync of t-0",
    "synced t-0",
  ]);
  expect(events.at(-1)).toBe("told");
});

it("a sync that fails fails those who waited for it, and not those who come after it", async () => {
  held = new Deferred();
  const before = store.write("t-0/before", new Uint8Array(1));
  await seen("sync of t-0");
  const late = store.write("t-0/late", new Uint8Array(1));
  await seen("renamed to t-0/late");
  const failing = held;
  held = new Deferred();
  held.resolve();
  failing.reject(new Error("EIO"));
  await expect(before).rejects.toThrow("EIO");
  await late;
});
