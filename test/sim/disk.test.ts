/** The simulated disk: what it keeps, each of its lies as it is seen from outside, and the real file store on it. */
import { describe, expect, it } from "vitest";
import type { OpenFlags } from "../../gateway/store/file-system.ts";
import { storeContract } from "../log/store-contract.ts";
import { type DiskFaults, diskFaults } from "./disk/disk-faults.ts";
import { DiskRig } from "./disk/disk-rig.ts";

storeContract("FileStore on a simulated disk", () => underTest(1, {}));
storeContract("FileStore on a bad simulated disk", () =>
  underTest(2, { ...diskFaults(1), failRead: 0, failWrite: 0, failSync: 0 }, { openFilesMax: 2 }),
);

/** A store whose world goes on by itself. */
async function underTest(seed: number, faults: Partial<DiskFaults>, options: { openFilesMax?: number } = {}) {
  const rig = new DiskRig(seed, faults);
  let isOver = false;
  const goOn = async (): Promise<void> => {
    while (!isOver) {
      await rig.world.runUntil(() => isOver, Infinity);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  void goOn();
  return {
    store: await rig.openStore(options),
    reopen: () => rig.openStore(options),
    dispose: async () => {
      isOver = true;
      expect(rig.world.trace.violations).toEqual([]);
    },
  };
}

const SYNCED = 700;
const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

/** A file with `SYNCED` ones that are durable, its name included. */
async function syncedFile(rig: DiskRig, path = "/f"): Promise<number> {
  const fd = await rig.run(rig.files.open(path, "wx+"));
  await write(rig, fd, filled(SYNCED, 1), 0);
  await rig.run(rig.files.sync(fd));
  await rig.run(rig.files.syncDirectory("/"));
  return fd;
}

async function write(rig: DiskRig, fd: number, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;)
    at += await rig.run(rig.files.write(fd, [bytes.subarray(at)], position + at));
}

const open = (rig: DiskRig, path: string, flags: OpenFlags): Promise<number> =>
  rig.run(rig.files.open(path, flags));

/** What became of a file in each of many worlds, and how often. */
async function outcomes(
  act: (rig: DiskRig) => Promise<string>,
  faults: Partial<DiskFaults> = {},
  worlds = 120,
): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  for (let seed = 0; seed < worlds; seed++) {
    const outcome = await act(new DiskRig(seed, faults));
    seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
  }
  return seen;
}

/** The values of a file's sectors, with `SYNCED` ones expected before them. */
function unsyncedPart(bytes: Uint8Array | undefined): Uint8Array {
  expect(bytes?.subarray(0, SYNCED).every((value) => value === 1)).toBe(true);
  expect(bytes?.length).toBeGreaterThanOrEqual(SYNCED);
  return bytes?.subarray(SYNCED) ?? new Uint8Array(0);
}

describe("power loss", () => {
  it("takes nothing, all or the end of what was not synced, and nothing that was", async () => {
    const seen = await outcomes(async (rig) => {
      const fd = await syncedFile(rig);
      await write(rig, fd, filled(5000, 2), SYNCED);
      rig.losePower();
      const left = unsyncedPart(await rig.read("/f"));
      expect(left.every((value) => value === 2)).toBe(true);
      expect(rig.count("bytes lost")).toBe(left.length < 5000 ? 1 : 0);
      return left.length === 0 ? "lost" : left.length === 5000 ? "kept" : "cut";
    });
    expect([...seen.keys()].sort()).toEqual(["cut", "kept", "lost"]);
  });

  it("leaves any sectors of it, zeros where others were, when it tears", async () => {
    const seen = await outcomes(
      async (rig) => {
        const fd = await syncedFile(rig);
        await write(rig, fd, filled(5000, 2), SYNCED);
        rig.losePower();
        const left = unsyncedPart(await rig.read("/f"));
        const firstHole = left.indexOf(0);
        return firstHole < 0 ? "whole" : left.indexOf(2, firstHole) < 0 ? "zeros at the end" : "hole";
      },
      { torn: 1 },
    );
    expect(seen.get("hole")).toBeGreaterThan(20);
  });

  it("may bring back what a truncation has cut off, until the file is synced; syncing its data is not enough", async () => {
    const cut = (sync: "nothing" | "data" | "all") =>
      outcomes(async (rig) => {
        const fd = await syncedFile(rig);
        await rig.run(rig.files.truncate(fd, 100));
        await write(rig, fd, filled(50, 2), 100);
        if (sync === "data") await rig.run(rig.files.syncData(fd));
        if (sync === "all") await rig.run(rig.files.sync(fd));
        rig.losePower();
        const left = (await rig.read("/f")) ?? new Uint8Array(0);
        expect(left.subarray(0, 100).every((value) => value === 1)).toBe(true);
        if (sync !== "nothing") expect(left.subarray(100, 150).every((value) => value === 2)).toBe(true);
        if (left.length === SYNCED) expect(left.subarray(150).every((value) => value === 1)).toBe(true);
        return left.length === SYNCED ? "undone" : "cut";
      });
    expect([...(await cut("nothing")).keys()].sort()).toEqual(["cut", "undone"]);
    expect([...(await cut("data")).keys()].sort()).toEqual(["cut", "undone"]);
    expect([...(await cut("all")).keys()]).toEqual(["cut"]);
  });

  it("keeps what a sync of the data made durable, with the size that it takes to read it", async () => {
    await outcomes(async (rig) => {
      const fd = await syncedFile(rig);
      await write(rig, fd, filled(1000, 2), SYNCED);
      await rig.run(rig.files.syncData(fd));
      await write(rig, fd, filled(1000, 3), SYNCED + 1000);
      rig.losePower();
      expect(unsyncedPart(await rig.read("/f")).subarray(0, 1000)).toEqual(filled(1000, 2));
      return "";
    });
  });

  it("may undo what was done to names until their directory is synced, and never leaves a renamed file without one", async () => {
    const seen = await outcomes(async (rig) => {
      await rig.run(rig.files.close(await syncedFile(rig, "/old")));
      const temporary = await open(rig, "/new.tmp", "w");
      await write(rig, temporary, filled(10, 7), 0);
      await rig.run(rig.files.sync(temporary));
      await rig.run(rig.files.syncDirectory("/"));
      await rig.run(rig.files.rename("/new.tmp", "/new"));
      await open(rig, "/created", "wx+");
      await rig.run(rig.files.unlink("/old"));
      await rig.run(rig.files.makeDirectory("/d/e"));
      rig.losePower();
      const names = (await rig.run(rig.files.list("/"))).map(({ name }) => name);
      expect(names.includes("new") || names.includes("new.tmp")).toBe(true);
      expect(await rig.read(names.includes("new") ? "/new" : "/new.tmp")).toEqual(filled(10, 7));
      return names.sort().join(" ");
    });
    const all = [...seen.keys()].flatMap((names) => names.split(" "));
    expect([...new Set(all)].sort()).toEqual(["created", "d", "new", "new.tmp", "old"]);
    expect(seen.has("new.tmp old")).toBe(true);
    expect([...seen.keys()].some((names) => names.includes("new new.tmp"))).toBe(true);
  });

  it("takes a file whose bytes were synced and whose name was not", async () => {
    const seen = await outcomes(async (rig) => {
      const fd = await open(rig, "/f", "wx+");
      await write(rig, fd, filled(10, 1), 0);
      await rig.run(rig.files.sync(fd));
      rig.losePower();
      return (await rig.read("/f")) === undefined ? "gone" : "there";
    });
    expect([...seen.keys()].sort()).toEqual(["gone", "there"]);
  });
});

describe("a failed sync", () => {
  it("is followed by one that succeeds, while what was not written is read until the power goes", async () => {
    const seen = await outcomes(async (rig) => {
      const fd = await syncedFile(rig);
      await write(rig, fd, filled(1000, 2), SYNCED);
      rig.disk.faults = { ...rig.disk.faults, failSync: 1 };
      await expect(rig.run(rig.files.syncData(fd))).rejects.toMatchObject({ code: "EIO" });
      rig.disk.faults = { ...rig.disk.faults, failSync: 0 };
      const isRead = unsyncedPart(await rig.read("/f")).every((value) => value === 2);
      rig.kill();
      const again = await open(rig, "/f", "r+");
      await rig.run(rig.files.sync(again));
      rig.losePower();
      const isThere = unsyncedPart(await rig.read("/f")).every((value) => value === 2);
      return `${isRead ? "read" : "evicted"}, then ${isThere ? "there" : "lost"}`;
    });
    expect(seen.get("read, then lost")).toBeGreaterThan(20);
    expect(seen.get("evicted, then lost")).toBeGreaterThan(20);
  });

  it("is one that nobody hears of, when the file was closed before", async () => {
    const rig = new DiskRig(13);
    const fd = await syncedFile(rig);
    await write(rig, fd, filled(5000, 2), SYNCED);
    rig.disk.faults = { ...rig.disk.faults, failSync: 1 };
    await rig.run(rig.files.close(fd));
    rig.disk.faults = { ...rig.disk.faults, failSync: 0 };
    const again = await open(rig, "/f", "r+");
    await rig.run(rig.files.sync(again));
    expect(rig.world.trace.violations).toEqual([expect.stringContaining("/f was synced again")]);
    rig.losePower();
    expect(unsyncedPart(await rig.read("/f")).every((value) => value === 2)).toBe(false);
  });

  it("is told as a violation when the same process syncs again and takes it for success", async () => {
    const rig = new DiskRig(5);
    const fd = await syncedFile(rig);
    await write(rig, fd, filled(5000, 2), SYNCED);
    rig.disk.faults = { ...rig.disk.faults, failSync: 1 };
    await expect(rig.run(rig.files.sync(fd))).rejects.toThrow("EIO");
    rig.disk.faults = { ...rig.disk.faults, failSync: 0 };
    await rig.run(rig.files.sync(fd));
    expect(rig.world.trace.violations).toEqual([expect.stringContaining("/f was synced again")]);
  });
});

describe("calls of the disk", () => {
  it("stop short, and the store goes on where they stopped", async () => {
    const rig = new DiskRig(6, { shortReads: 0.9, shortWrites: 0.9 });
    const store = await rig.run(rig.openStore());
    const file = await rig.run(store.open("a-0/log"));
    await rig.run(file.append([filled(3000, 1), filled(3000, 2)]));
    const bytes = await rig.run(file.read(0, 6000));
    expect(bytes).toEqual(Uint8Array.from([...filled(3000, 1), ...filled(3000, 2)]));
    expect(rig.count("short read")).toBeGreaterThan(0);
    expect(rig.count("short write")).toBeGreaterThan(0);
  });

  it("fail with a part of the write done", async () => {
    const seen = await outcomes(async (rig) => {
      const fd = await syncedFile(rig);
      rig.disk.faults = { ...rig.disk.faults, failWrite: 1 };
      await expect(rig.run(rig.files.write(fd, [filled(100, 2)], SYNCED))).rejects.toMatchObject({
        code: "EIO",
      });
      const left = unsyncedPart(await rig.read("/f"));
      return left.length > 0 && left.length < 100 ? "part" : "all or nothing";
    });
    expect(seen.get("part")).toBeGreaterThan(50);
  });

  it("say that the disk is full, after as much as fits, and take bytes again when there is room", async () => {
    const rig = new DiskRig(7);
    const fd = await syncedFile(rig);
    expect(rig.disk.usedBytes).toBe(SYNCED);
    rig.disk.capacityBytes = SYNCED + 100;
    expect(await rig.run(rig.files.write(fd, [filled(70, 2), filled(70, 3)], SYNCED))).toBe(100);
    await expect(rig.run(rig.files.write(fd, [filled(1, 4)], SYNCED + 100))).rejects.toMatchObject({
      code: "ENOSPC",
    });
    await expect(open(rig, "/g", "wx+")).rejects.toMatchObject({ code: "ENOSPC" });
    await rig.run(rig.files.unlink("/f"));
    await expect(open(rig, "/g", "wx+")).rejects.toMatchObject({ code: "ENOSPC" });
    await rig.run(rig.files.close(fd));
    expect(rig.disk.usedBytes).toBe(0);
    await open(rig, "/g", "wx+");
  });

  it("find no descriptor at times, and the store waits for one", async () => {
    const rig = new DiskRig(8, { noDescriptor: 0.5 });
    const store = await rig.run(rig.openStore());
    for (let at = 0; at < 5; at++) await rig.run(store.write(`a-${at}/meta`, filled(3, at)));
    expect(await rig.run(store.list(""))).toHaveLength(5);
    expect(rig.count("no descriptor")).toBeGreaterThan(0);
  });

  it("tell of a descriptor that is not open", async () => {
    const rig = new DiskRig(9);
    const fd = await syncedFile(rig);
    await rig.run(rig.files.close(fd));
    await expect(rig.run(rig.files.size(fd))).rejects.toMatchObject({ code: "EBADF" });
    expect(rig.world.trace.violations).toHaveLength(1);
  });

  it("tell of a file that takes another's place before it is synced", async () => {
    const rig = new DiskRig(10);
    const fd = await open(rig, "/meta.tmp", "w");
    await write(rig, fd, filled(10, 1), 0);
    await rig.run(rig.files.rename("/meta.tmp", "/meta"));
    expect(rig.world.trace.violations).toEqual([expect.stringContaining("/meta before it was synced")]);
  });

  it("of a process that dies are done, not done, or done in part, before another process comes", async () => {
    const seen = await outcomes(
      async (rig) => {
        const fd = await syncedFile(rig);
        void rig.files.write(fd, [filled(100, 2)], SYNCED);
        rig.kill();
        const first = unsyncedPart(await rig.read("/f")).length;
        await rig.pass(5000);
        expect(unsyncedPart(await rig.read("/f")).length).toBe(first);
        return first === 0 ? "not done" : first === 100 ? "done" : "in part";
      },
      {},
      400,
    );
    expect([...seen.keys()].sort()).toEqual(["done", "in part", "not done"]);
  });
});

describe("a bit at rest", () => {
  it("flips in a segment, for every later reader, and is turned back by who mends it", async () => {
    const rig = new DiskRig(11);
    expect(rig.disk.flipBit()).toBeUndefined();
    const fd = await syncedFile(rig, "/00.log");
    await rig.run(rig.files.close(await syncedFile(rig, "/meta")));
    // What was written just now is not at rest.
    expect(rig.disk.flipBit()).toBeUndefined();
    await rig.pass(5000);
    const where = rig.disk.flipBit();
    expect(where?.path).toBe("/00.log");
    const bytes = (await rig.read("/00.log")) ?? new Uint8Array(0);
    const wrong = [...bytes.keys()].filter((at) => bytes[at] !== 1);
    expect(wrong).toEqual([where?.position]);
    rig.losePower();
    expect(await rig.read("/00.log")).toEqual(bytes);
    rig.disk.mend();
    expect(await rig.read("/00.log")).toEqual(filled(SYNCED, 1));
    expect(fd).toBeGreaterThan(0);
    rig.losePower();
    expect(await rig.read("/00.log")).toEqual(filled(SYNCED, 1));
  });

  it("is gone when its byte is cut off and written anew", async () => {
    const rig = new DiskRig(12);
    const fd = await syncedFile(rig, "/00.log");
    await rig.pass(5000);
    rig.disk.flipBit();
    await rig.run(rig.files.truncate(fd, 0));
    await write(rig, fd, filled(SYNCED, 9), 0);
    rig.disk.mend();
    expect(await rig.read("/00.log")).toEqual(filled(SYNCED, 9));
  });
});
