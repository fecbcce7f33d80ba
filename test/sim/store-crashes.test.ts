/** The real file store through crashes on the worst of simulated disks: what it has promised is there, whatever happens. */
import { describe, expect, it } from "vitest";
import type { FileStore } from "../../gateway/store/file-store.ts";
import { codeOf } from "../../gateway/store/file-system.ts";
import { diskFaults, type DiskFaults } from "./disk/disk-faults.ts";
import { DiskRig } from "./disk/disk-rig.ts";
import { Random } from "./kernel/random.ts";

const LIVES = 6;
const WORST: DiskFaults = { ...diskFaults(1), failRead: 0.005, failWrite: 0.01, failSync: 0.02 };
/** Nothing fails for good while the promises are looked at: every failure is a crash of its own. */
const LENIENT: DiskFaults = { ...WORST, failRead: 0, failWrite: 0, failSync: 0 };

/** What a file was promised to hold. */
interface Promised {
  /** Bytes that were synced. */
  sure: readonly number[];
  /** The longest that the file may be: it has not been longer since its last truncation was synced. */
  most: number;
}

/** One seed's callers of the store, through several lives of the process. */
class History {
  readonly rig: DiskRig;
  private readonly random: Random;
  private readonly files = new Map<string, Promised>();
  /** What the small file may hold: the last one that was promised, and all that came after it. */
  private readonly small: string[] = ["undefined"];
  /** Files that come and go: whether they are there; undefined while that is not known. */
  private readonly passing = new Map<string, boolean | undefined>();

  constructor(seed: number) {
    this.rig = new DiskRig(seed, WORST);
    this.random = new Random(seed);
  }

  async run(): Promise<void> {
    const { rig, random } = this;
    for (let life = 0; life < LIVES; life++) {
      rig.disk.faults = LENIENT;
      const store = await rig.run(rig.openStore({ openFilesMax: random.pick([2, 512]) }));
      await this.check(store);
      rig.disk.faults = WORST;
      const callers = [
        ...["a-0/log", "a-0/other", "b-0/log"].map((name) => this.append(store, name)),
        ...["c-0/1", "c-0/2", "d-0/1"].map((name, at) => this.createAndDelete(store, name, at + 1)),
        this.replace(store, "a-0/meta"),
      ];
      // A failed disk ends what a caller does, and so does the crash: then it is never told.
      const failures: unknown[] = [];
      for (const caller of callers)
        caller.catch((error: unknown) => void (ofDisk(error) || failures.push(error)));
      await rig.pass(random.delay(1, 600));
      expect(failures).toEqual([]);
      if (random.chance(0.5)) rig.losePower();
      else rig.kill();
    }
    expect(rig.world.trace.violations).toEqual([]);
  }

  /** Appends, syncs and truncates, not always one after the other. */
  private async append(store: FileStore, name: string): Promise<void> {
    const { random } = this;
    const file = await store.open(name);
    const promised = this.files.get(name) ?? { sure: [], most: 0 };
    this.files.set(name, promised);
    promised.most = Math.max(promised.most, file.size);
    let bytes = [...promised.sure];
    const cut = async (size: number): Promise<void> => {
      bytes = bytes.slice(0, size);
      promised.sure = promised.sure.slice(0, size);
      await file.truncate(size);
      const more = random.chance(0.5) ? heard(write()) : undefined;
      await more;
      await sync(bytes);
      promised.most = bytes.length;
    };
    const write = (): Promise<void> => {
      const more = Array.from({ length: random.between(1, 900) }, () => random.between(1, 255));
      bytes.push(...more);
      promised.most = Math.max(promised.most, bytes.length);
      return file.append([Uint8Array.from(more)]);
    };
    const sync = async (covered: readonly number[]): Promise<void> => {
      const sure = [...covered];
      // Where it fails, another one may not succeed.
      await file.sync().catch(() => file.sync());
      promised.sure = sure;
    };
    if (file.size > bytes.length) await cut(bytes.length);
    for (;;) {
      if (random.chance(0.7)) await write();
      const resolved = [...bytes];
      const later = random.chance(0.5) ? heard(write()) : undefined;
      if (random.chance(0.5)) await sync(resolved);
      await later;
      if (random.chance(0.1)) await cut(random.between(Math.floor(bytes.length / 2), bytes.length));
    }
  }

  /** Creates a file with one value in it, and deletes it while it is read. */
  private async createAndDelete(store: FileStore, name: string, value: number): Promise<void> {
    for (;;) {
      this.passing.set(name, undefined);
      const file = await store.open(name);
      // What a crash has left of it may be torn.
      if (file.size > 0) await file.truncate(0);
      await file.append([new Uint8Array(300).fill(value)]);
      await file.sync();
      this.passing.set(name, true);
      await this.rig.process.world.sleep(this.random.delay(1, 20));
      const reading = heard(file.read(0, 300));
      this.passing.set(name, undefined);
      const deleted = heard(store.delete([name]));
      // Its own bytes, never another's; or the file is closed.
      const read = await reading.catch(() => new Uint8Array(0));
      expect(read.every((found) => found === value)).toBe(true);
      await deleted;
      this.passing.set(name, false);
    }
  }

  private async replace(store: FileStore, name: string): Promise<void> {
    for (;;) {
      const bytes = this.random.bytes(this.random.between(0, 600));
      this.small.push(String(bytes));
      await store.write(name, bytes);
      this.small.splice(0, this.small.length, String(bytes));
    }
  }

  private async check(store: FileStore): Promise<void> {
    const { rig } = this;
    for (const [name, { sure, most }] of this.files) {
      const file = await rig.run(store.open(name));
      expect(String(await rig.run(file.read(0, sure.length))), name).toBe(String(sure));
      expect(file.size, name).toBeLessThanOrEqual(most);
    }
    expect(this.small).toContain(String(await rig.run(store.read("a-0/meta"))));
    const names = await rig.run(store.list(""));
    expect(names.filter((name) => name.endsWith(".tmp"))).toEqual([]);
    for (const [name, isThere] of this.passing) {
      if (isThere !== undefined) expect(names.includes(name), name).toBe(isThere);
    }
  }
}

/** The same promise, whose failure is looked at later. */
function heard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** What a bad disk may do to a caller; all else is a mistake. */
function ofDisk(error: unknown): boolean {
  return codeOf(error) === "EIO" || (error instanceof Error && error.message.endsWith(" is closed"));
}

describe("a FileStore through crashes on the worst of disks", () => {
  it.each(Array.from({ length: 40 }, (_, at) => at))("keeps what it promised, seed %i", async (seed) => {
    await new History(seed).run();
  });

  it("deletes the last files of a directory by several calls at once, while others make it anew, and all of it lasts", async () => {
    for (let seed = 0; seed < 30; seed++) {
      const rig = new DiskRig(seed, { slow: 0.1 });
      const store = await rig.run(rig.openStore());
      const names = ["a-0/1", "a-0/2", "a-0/3"];
      for (const name of names) await rig.run(store.write(name, Uint8Array.of(1)));
      const deleted = names.map((name) => store.delete([name]));
      const others = seed % 2 === 0 ? [] : [store.write("a-0/kept", Uint8Array.of(2))];
      await rig.run(Promise.all([...deleted, ...others]));
      rig.losePower();
      const left = await rig.run(rig.openStore());
      expect(await rig.run(left.list(""))).toEqual(others.length === 0 ? [] : ["a-0/kept"]);
    }
  });

  it("goes the same way again with the same seed", async () => {
    const runs = [new History(3), new History(3), new History(4)];
    for (const run of runs) await run.run();
    const [one, two, other] = runs.map(({ rig: { world } }) => [
      world.trace.digest,
      world.events,
      [...world.trace.counts].join(),
    ]);
    expect(one).toEqual(two);
    expect(one).not.toEqual(other);
  });

  it("meets everything that a disk can do", { timeout: 120_000 }, async () => {
    const all = [
      "bytes lost",
      "creation undone",
      "no descriptor",
      "pages evicted",
      "read failed",
      "removal undone",
      "rename half done",
      "rename undone",
      "short read",
      "short write",
      "slow call",
      "sync failed",
      "torn write",
      "truncation undone",
      "write failed",
      "write-back failed",
    ];
    const met = new Set<string>();
    // Some are rare.
    for (let seed = 100; seed < 300 && met.size < all.length; seed++) {
      const run = new History(seed);
      await run.run();
      for (const what of run.rig.world.trace.counts.keys()) met.add(what.replace("disk: ", ""));
    }
    expect([...met].sort()).toEqual(all);
  });
});
