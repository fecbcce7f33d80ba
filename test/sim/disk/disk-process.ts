/** One process's calls of the simulated disk: they take time, stop short, fail, and some of them are cut off by its death. */
import type { DirectoryEntry, FileSystem, OpenFlags } from "../../../gateway/store/file-system.ts";
import type { Process } from "../kernel/process.ts";
import { isErrno, found, errno, lookUp } from "./path-lookup.ts";
import { SimDirectory, type Node } from "./sim-directory.ts";
import type { SimDisk } from "./sim-disk.ts";
import { SimFile } from "./sim-file.ts";

/** How long a call takes, at least and at most. */
type Duration = readonly [leastMs: number, mostMs: number];
const CALL_MS: Duration = [0.01, 1];
const SYNC_MS: Duration = [0.05, 12];
const SLOW_MS: Duration = [20, 2000];
/** What memory holds that a read is given. */
const GARBAGE = 0xa5;

interface Descriptor {
  readonly path: string;
  readonly node: Node;
  readonly isWritable: boolean;
}

/** A call that has not reached the disk. */
interface UnderWay {
  readonly cancel: () => void;
  /** What it may still do when its process dies. */
  readonly cut: () => void;
}

export class DiskProcess implements FileSystem {
  private readonly disk: SimDisk;
  private readonly process: Process;
  private readonly descriptors = new Map<number, Descriptor>();
  private readonly underWay = new Set<UnderWay>();

  constructor(disk: SimDisk, process: Process) {
    this.disk = disk;
    this.process = process;
  }

  /** Its process has died. A system call that has begun is brought to its end before anybody else can take its place. */
  end(): void {
    for (const { cancel, cut } of this.underWay) {
      cancel();
      if (this.disk.random.chance(0.5)) cut();
    }
    this.underWay.clear();
    for (const fd of this.descriptors.keys()) this.forget(fd);
  }

  open(path: string, flags: OpenFlags): Promise<number> {
    return this.call(CALL_MS, () => {
      this.takeDescriptor(path);
      const node = this.opened(path, flags);
      let fd = 3;
      // The lowest number that is free, as the system does it: one that was closed is another file soon.
      while (this.descriptors.has(fd)) fd += 1;
      this.descriptors.set(fd, { path, node, isWritable: flags !== "r" });
      return fd;
    });
  }

  close(fd: number): Promise<void> {
    return this.call(CALL_MS, () => {
      const { path, node } = this.descriptor(fd);
      this.forget(fd);
      if (node.kind === "file" && node.opens === 0) this.writeBack(path, node);
    });
  }

  size(fd: number): Promise<number> {
    return this.call(CALL_MS, () => {
      const { node } = this.descriptor(fd);
      return node.kind === "file" ? node.size : 0;
    });
  }

  allocate(length: number): Uint8Array {
    return new Uint8Array(length).fill(GARBAGE);
  }

  read(fd: number, into: Uint8Array, at: number, position: number): Promise<number> {
    return this.call(CALL_MS, () => {
      const { path, file } = this.file(fd);
      const { random, faults } = this.disk;
      const most = Math.max(0, Math.min(into.length - at, file.size - position));
      if (most > 0 && random.chance(faults.failRead)) {
        this.disk.happened("read failed", `a read of ${path} fails`);
        throw errno("EIO", path);
      }
      const isShort = most > 1 && random.chance(faults.shortReads);
      if (isShort) this.disk.happened("short read");
      const count = isShort ? random.between(1, most - 1) : most;
      file.read(into, at, position, count);
      return count;
    });
  }

  write(fd: number, pieces: readonly Uint8Array[], position: number): Promise<number> {
    const lengthOf = (): number => pieces.reduce((sum, piece) => sum + piece.length, 0);
    const part = (): number => this.disk.random.between(0, lengthOf());
    return this.call(
      CALL_MS,
      () => {
        const { path, file } = this.file(fd);
        const { random, faults } = this.disk;
        const bytes = lengthOf();
        if (random.chance(faults.failWrite)) {
          this.put(file, pieces, position, part());
          this.disk.happened("write failed", `a write of ${path} fails`);
          throw errno("EIO", path);
        }
        const isShort = bytes > 1 && random.chance(faults.shortWrites);
        if (isShort) this.disk.happened("short write");
        const written = this.put(file, pieces, position, isShort ? random.between(1, bytes - 1) : bytes);
        if (written === 0 && bytes > 0) throw this.noSpace(path);
        return written;
      },
      () => this.put(this.file(fd).file, pieces, position, part()),
    );
  }

  truncate(fd: number, size: number): Promise<void> {
    return this.call(CALL_MS, () => this.resize(this.file(fd).file, size));
  }

  sync(fd: number): Promise<void> {
    return this.syncing(() => this.syncNow(fd, false));
  }

  syncData(fd: number): Promise<void> {
    return this.syncing(() => this.syncNow(fd, true));
  }

  syncDirectory(path: string): Promise<void> {
    return this.syncing(() => {
      this.takeDescriptor(path);
      const directory = this.directory(path);
      this.failSync(path);
      directory.sync();
    });
  }

  list(path: string): Promise<DirectoryEntry[]> {
    return this.call(CALL_MS, () => {
      this.takeDescriptor(path);
      return Array.from(this.directory(path).entries, ([name, { kind }]) => ({ name, kind }));
    });
  }

  makeDirectory(path: string): Promise<void> {
    return this.call(CALL_MS, () => {
      let directory = this.disk.root;
      for (const name of path.split("/").filter((step) => step !== "")) {
        let node = directory.entries.get(name);
        if (node === undefined) {
          if (this.disk.roomBytes === 0) throw this.noSpace(path);
          directory.add(name, (node = new SimDirectory()));
        }
        if (node.kind !== "directory") throw errno("ENOTDIR", path);
        directory = node;
      }
    });
  }

  removeDirectory(path: string): Promise<void> {
    return this.call(CALL_MS, () => {
      const { directory, name, node } = found(this.disk.root, path);
      if (node.kind !== "directory") throw errno("ENOTDIR", path);
      if (node.entries.size > 0) throw errno("ENOTEMPTY", path);
      directory.remove(name, node);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.call(CALL_MS, () => {
      const { directory, name, node } = found(this.disk.root, from);
      const target = lookUp(this.disk.root, to);
      if (target.directory !== directory) throw errno("EXDEV", to);
      if (node.kind !== "file" || target.node?.kind === "directory") throw errno("EISDIR", to);
      // After a power loss the new name could stand for a file with nothing, or something else, in it.
      if (!node.isDurable) this.disk.world.trace.violation(`disk: ${from} became ${to} before it was synced`);
      directory.rename(name, target.name, node);
      this.disk.onNamed?.(to);
      if (target.node !== undefined) this.unlinked(target.node);
    });
  }

  unlink(path: string): Promise<void> {
    return this.call(CALL_MS, () => {
      const { directory, name, node } = found(this.disk.root, path);
      if (node.kind !== "file") throw errno("EISDIR", path);
      directory.remove(name, node);
      this.unlinked(node);
    });
  }

  private syncing(effect: () => void): Promise<void> {
    const { disk } = this;
    disk.onSyncBegun?.();
    const stillMs = disk.standsStillUntilMs - disk.world.nowMs;
    return this.call(SYNC_MS, effect, effect, Math.max(0, stillMs));
  }

  /**
   * Its effect comes at some time within `duration`, which begins `afterMs` from now, and the answer at its end; none comes
   * to a process that has died.
   */
  private call<T>(duration: Duration, effect: () => T, cut: () => void = effect, afterMs = 0): Promise<T> {
    const { disk, process, underWay } = this;
    const { random, world } = disk;
    return new Promise((resolve, reject) => {
      if (!process.isAlive) return;
      const isSlow = random.chance(disk.faults.slow);
      if (isSlow) disk.happened("slow call");
      const wholeMs = random.delay(...(isSlow ? SLOW_MS : duration));
      const effectMs = wholeMs * random.next();
      const arrive = (): void => {
        underWay.delete(entry);
        let answer: () => void;
        try {
          const value = effect();
          answer = () => resolve(value);
        } catch (error) {
          answer = () => reject(error as Error);
        }
        process.later(wholeMs - effectMs, answer);
      };
      const entry: UnderWay = {
        cancel: world.after(afterMs + effectMs, arrive),
        cut() {
          try {
            cut();
          } catch (error) {
            if (!isErrno(error)) throw error;
          }
        },
      };
      underWay.add(entry);
    });
  }

  /** The node at a path, as these flags open it. */
  private opened(path: string, flags: OpenFlags): Node {
    const { disk } = this;
    const { directory, name, node } = lookUp(disk.root, path);
    if (node?.kind === "directory") {
      if (flags !== "r") throw errno("EISDIR", path);
      return node;
    }
    if (node !== undefined && flags === "wx+") throw errno("EEXIST", path);
    if (node === undefined && (flags === "r" || flags === "r+")) throw errno("ENOENT", path);
    const file = node ?? new SimFile();
    if (node === undefined) {
      if (disk.roomBytes === 0) throw this.noSpace(path);
      directory.add(name, file);
      file.links = 1;
      disk.onNamed?.(path);
    }
    if (flags === "w") this.resize(file, 0);
    file.opens += 1;
    if (disk.random.chance(0.2) && file.evict() > 0) {
      disk.happened(
        "pages evicted",
        `${path} is read from the disk again, without what a failed sync has lost`,
      );
    }
    return file;
  }

  private takeDescriptor(path: string): void {
    if (!this.disk.random.chance(this.disk.faults.noDescriptor)) return;
    this.disk.happened("no descriptor");
    throw errno("EMFILE", path);
  }

  private descriptor(fd: number): Descriptor {
    const entry = this.descriptors.get(fd);
    if (entry !== undefined) return entry;
    this.disk.world.trace.violation(
      `disk: descriptor ${fd} of ${this.process.name} was used while it was not open`,
    );
    throw errno("EBADF", String(fd));
  }

  private file(fd: number): { path: string; file: SimFile } {
    const { path, node } = this.descriptor(fd);
    if (node.kind !== "file") throw errno("EISDIR", path);
    return { path, file: node };
  }

  private directory(path: string): SimDirectory {
    if (path === "/") return this.disk.root;
    const { node } = found(this.disk.root, path);
    if (node.kind !== "directory") throw errno("ENOTDIR", path);
    return node;
  }

  /** Writes the first `count` bytes of the pieces, fewer when the disk gets full. Answers how many. */
  private put(file: SimFile, pieces: readonly Uint8Array[], position: number, count: number): number {
    const fitting = Math.min(count, Math.max(0, file.size - position) + this.disk.roomBytes);
    if (fitting > 0) {
      const before = file.size;
      file.lastWriter = this.process;
      file.write(pieces, position, fitting);
      this.disk.usedBytes += file.size - before;
    }
    return fitting;
  }

  private resize(file: SimFile, size: number): void {
    this.disk.usedBytes += size - file.size;
    file.truncate(size);
  }

  private syncNow(fd: number, dataOnly: boolean): void {
    const { path, file } = this.file(fd);
    const { random, world } = this.disk;
    if (!file.isDurable) {
      try {
        this.failSync(path);
      } catch (error) {
        file.failSync(this.process, random);
        if (random.chance(0.3)) this.evict(path, file);
        throw error;
      }
    }
    if (file.hasLostSyncOf(this.process))
      world.trace.violation(
        `disk: ${path} was synced again after writing it had failed, as if nothing was lost`,
      );
    file.sync(dataOnly, world.nowMs);
  }

  private evict(path: string, file: SimFile): void {
    const bytes = file.evict();
    if (bytes > 0)
      this.disk.happened("pages evicted", `${path} is read from the disk again, without ${bytes} bytes`);
  }

  /** Nobody has it open: what the system writes in the background and cannot write, it tells nobody. */
  private writeBack(path: string, file: SimFile): void {
    const { random, faults } = this.disk;
    if (file.links === 0 || file.isDurable || !random.chance(faults.failSync)) return;
    this.disk.happened("write-back failed", `${path} cannot be written back, and nobody hears of it`);
    // What an earlier life has left is not this one's to know: a log that is started again writes such an end anew.
    file.failSync(file.lastWriter === this.process ? this.process : undefined, random);
  }

  private failSync(path: string): void {
    if (!this.disk.random.chance(this.disk.faults.failSync)) return;
    this.disk.happened("sync failed", `a sync of ${path} fails`);
    throw errno("EIO", path);
  }

  private noSpace(path: string): Error {
    this.disk.happened("no space", `no space for ${path}`);
    return errno("ENOSPC", path);
  }

  private forget(fd: number): void {
    const node = this.descriptors.get(fd)?.node;
    this.descriptors.delete(fd);
    if (node?.kind !== "file") return;
    node.opens -= 1;
    this.release(node);
  }

  private unlinked(node: Node): void {
    if (node.kind !== "file") return;
    node.links -= 1;
    this.release(node);
  }

  /** Gives a file's bytes back when it has no name and nobody has it open. */
  private release(file: SimFile): void {
    if (file.links === 0 && file.opens === 0) this.disk.usedBytes -= file.size;
  }
}
