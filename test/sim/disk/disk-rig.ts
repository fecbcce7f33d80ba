/** A simulated disk in a world of its own, and processes that use it, for tests. */
import { FileStore } from "../../../gateway/store/file-store.ts";
import type { FileSystem } from "../../../gateway/store/file-system.ts";
import { Process } from "../kernel/process.ts";
import { World } from "../kernel/world.ts";
import { noDiskFaults, type DiskFaults } from "./disk-faults.ts";
import { SimDisk } from "./sim-disk.ts";

/** Longer than anything that a test waits for. */
const LIMIT_MS = 3_600_000;
export const DIRECTORY = "/srv/rivulet/data";

export class DiskRig {
  readonly world: World;
  readonly disk: SimDisk;
  process: Process;
  /** Calls of the present process. */
  files: FileSystem;
  private lives = 0;

  constructor(seed: number, faults: Partial<DiskFaults> = {}) {
    this.world = new World(seed);
    this.disk = new SimDisk(this.world, { ...noDiskFaults, ...faults });
    [this.process, this.files] = this.newLife();
  }

  count(what: string): number {
    return this.world.trace.counts.get(`disk: ${what}`) ?? 0;
  }

  /** Lets the world run until the promise has settled. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let isOver = false;
    const over = promise.finally(() => (isOver = true));
    over.catch(() => {});
    if (!(await this.world.runUntil(() => isOver, LIMIT_MS))) throw new Error("it never ended");
    return over;
  }

  /** Lets so much time pass. */
  async pass(milliseconds: number): Promise<void> {
    await this.world.runUntil(() => false, milliseconds);
  }

  openStore(options: { openFilesMax?: number } = {}): Promise<FileStore> {
    return FileStore.open(DIRECTORY, { files: this.files, clock: this.process.clock }, options);
  }

  /** `kill -9`; another process goes on. */
  kill(): void {
    this.process.kill();
    [this.process, this.files] = this.newLife();
  }

  losePower(): void {
    this.process.kill();
    this.disk.losePower();
    [this.process, this.files] = this.newLife();
  }

  /** A whole file as the present process reads it; undefined when it is not there. */
  async read(path: string): Promise<Uint8Array | undefined> {
    return this.run(this.readWhole(path));
  }

  private async readWhole(path: string): Promise<Uint8Array | undefined> {
    const { files } = this;
    const fd = await files.open(path, "r").catch(() => undefined);
    if (fd === undefined) return undefined;
    const bytes = files.allocate(await files.size(fd));
    for (let at = 0; at < bytes.length;) at += await files.read(fd, bytes, at, at, false);
    await files.close(fd);
    return bytes;
  }

  private newLife(): [Process, FileSystem] {
    const process = new Process(this.world, `process-${++this.lives}`);
    return [process, this.disk.fileSystem(process)];
  }
}
