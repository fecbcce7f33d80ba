import fs from "node:fs";
import { mkdtemp, readdir, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { FileStore } from "../../gateway/store/file-store.ts";
import { storeContract } from "../log/store-contract.ts";
import { realFiles } from "./real-files.ts";

storeContract("FileStore", () => underTest({}));
storeContract("FileStore with room for one open file", () => underTest({ openFilesMax: 1 }));

async function underTest(options: { openFilesMax?: number }) {
  const directory = await mkdtemp(join(tmpdir(), "rivulet-store-"));
  return {
    directory,
    store: await FileStore.open(directory, realFiles, options),
    reopen: () => FileStore.open(directory, realFiles, options),
    dispose: () => rm(directory, { recursive: true }),
  };
}

describe("names in a FileStore", () => {
  const bad = [
    "",
    ".",
    "..",
    "../x",
    "a/../../x",
    "/etc/passwd",
    "a//b",
    "a/",
    "a\\..\\x",
    "a\0b",
    "C:/x",
    "a:b",
    "a\nb",
    "x.tmp",
    "n".repeat(1025),
  ];

  it.each(bad)("never lead out of the directory: %j", async (name) => {
    const { store, dispose } = await underTest({});
    await expect(store.open(name)).rejects.toThrow(/cannot be the name/);
    await expect(store.read(name)).rejects.toThrow(/cannot be the name/);
    await expect(store.write(name, new Uint8Array(1))).rejects.toThrow(/cannot be the name/);
    await expect(store.delete([name])).rejects.toThrow(/cannot be the name/);
    expect(await store.list("")).toEqual([]);
    await store.close();
    await dispose();
  });
});

describe("a FileStore", () => {
  it("never reads another file's bytes for one that is deleted in the middle of the read", async () => {
    const { store, dispose } = await underTest({});
    const file = await store.open("secret-0/a");
    // More than is read on the event loop, where nothing can come in between.
    const mine = "mine".repeat(64 * 1024);
    await file.append([new TextEncoder().encode(mine)]);
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      vi.spyOn(fs, "read").mockImplementationOnce(((...args: Parameters<typeof fs.read>) => {
        resolve();
        release = () => fs.read(...args);
      }) as typeof fs.read);
    });
    const reading = file.read(0, mine.length);
    await held;
    // The system gives the next file that is opened the lowest number that is free.
    const deleting = store.delete(["secret-0/a"]);
    for (const name of ["b", "c", "d"]) {
      const other = await store.open(name);
      await other.append([new TextEncoder().encode("else")]);
    }
    release();
    expect(new TextDecoder().decode(await reading) === mine).toBe(true);
    await deleting;
    vi.restoreAllMocks();
    await store.close();
    await dispose();
  });

  it("removes what a write cut short has left, and never lists it", async () => {
    const { store, reopen, dispose, directory } = await underTest({});
    await store.write("a-0/meta", Uint8Array.of(1));
    await writeFile(join(directory, "a-0", "meta.tmp"), "half");
    expect(await store.list("")).toEqual(["a-0/meta"]);
    await store.close();
    const again = await reopen();
    expect(await readdir(join(directory, "a-0"))).toEqual(["meta"]);
    expect(await again.read("a-0/meta")).toEqual(Uint8Array.of(1));
    await again.close();
    await dispose();
  });

  it("removes a directory with its last file, and makes it again", async () => {
    const { store, dispose, directory } = await underTest({});
    await store.write("a-0/meta", Uint8Array.of(1));
    await store.delete(["a-0/meta"]);
    expect(await readdir(directory)).toEqual([]);
    const file = await store.open("a-0/log");
    await file.append([Uint8Array.of(7)]);
    await file.sync();
    expect(await store.list("a-0/")).toEqual(["a-0/log"]);
    await store.close();
    await dispose();
  });

  it.skipIf(process.platform !== "linux")("keeps no more files open than it may", async () => {
    const { store, dispose, directory } = await underTest({ openFilesMax: 4 });
    const files = await Promise.all(Array.from({ length: 40 }, (_, at) => store.open(`a-${at}/log`)));
    for (let round = 0; round < 3; round++) {
      for (const [at, file] of files.entries()) await file.append([Uint8Array.of(at, round)]);
      expect(await openIn(directory)).toBeLessThanOrEqual(8);
    }
    await Promise.all(files.map((file) => file.sync()));
    for (const [at, file] of files.entries())
      expect(await file.read(0, 10)).toEqual(Uint8Array.of(at, 0, at, 1, at, 2));
    await store.close();
    expect(await openIn(directory)).toBe(0);
    await dispose();
  });

  it("syncs a file once for all who ask while a sync is in flight", async () => {
    const { store, dispose } = await underTest({});
    const file = await store.open("a-0/log");
    await file.append([Uint8Array.of(1)]);
    const first = file.sync();
    const joined = Array.from({ length: 10 }, () => file.sync());
    expect(new Set(joined).size).toBe(1);
    expect(joined[0]).not.toBe(first);
    await Promise.all([first, ...joined]);
    await store.close();
    await dispose();
  });

  it("waits for a descriptor while sockets have taken all of them, and fails nothing", async () => {
    const { store, dispose } = await underTest({});
    const open = vi.spyOn(fs, "open");
    const none = ((...args: unknown[]) => {
      const done = args.at(-1) as (error: Error) => void;
      done(Object.assign(new Error("too many open files"), { code: "EMFILE" }));
    }) as typeof fs.open;
    for (let at = 0; at < 3; at++) open.mockImplementationOnce(none);
    const file = await store.open("a-0/log");
    await file.append([Uint8Array.of(1)]);
    open.mockImplementationOnce(none);
    await store.write("a-0/meta", Uint8Array.of(2));
    expect(await file.read(0, 1)).toEqual(Uint8Array.of(1));
    vi.restoreAllMocks();
    await store.close();
    await dispose();
  });

  it("writes and syncs a file no more once a write of it has failed", async () => {
    const { store, dispose } = await underTest({});
    const file = await store.open("a-0/log");
    await file.append([Uint8Array.of(1, 2, 3)]);
    const writev = vi.spyOn(fs, "writevSync").mockImplementationOnce(() => {
      throw new Error("the disk is full");
    });
    await expect(file.append([Uint8Array.of(4)])).rejects.toThrow("the disk is full");
    expect(writev).toHaveBeenCalled();
    await expect(file.append([Uint8Array.of(5)])).rejects.toThrow("the disk is full");
    await expect(file.sync()).rejects.toThrow("the disk is full");
    expect(await file.read(0, 10)).toEqual(Uint8Array.of(1, 2, 3));
    vi.restoreAllMocks();
    await store.close();
    await dispose();
  });

  it("goes on where a short write stopped", async () => {
    const { store, dispose } = await underTest({});
    const file = await store.open("a-0/log");
    const real = fs.writevSync;
    // One byte at a time, and never more.
    vi.spyOn(fs, "writevSync").mockImplementation((fd, pieces, position) => {
      const [first] = pieces;
      if (!(first instanceof Uint8Array)) throw new Error("there is nothing to write");
      return real(fd, [first.subarray(0, 1)], position);
    });
    await file.append([Uint8Array.of(1, 2, 3), Uint8Array.of(4), Uint8Array.of(5, 6)]);
    vi.restoreAllMocks();
    expect(await file.read(0, 10)).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6));
    await store.close();
    await dispose();
  });
});

async function openIn(directory: string): Promise<number> {
  const links = await readdir("/proc/self/fd");
  const targets = await Promise.all(links.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
  return targets.filter((target) => target.startsWith(directory)).length;
}
