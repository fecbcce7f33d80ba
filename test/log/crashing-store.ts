/**
 * A Store over memory that behaves as badly as a disk may: it can fail the n-th operation or stop dead in the middle of it,
 * and `afterPowerLoss` keeps of what was not synced whatever the seed says: all, nothing, a torn end, or any mixture of
 * 512-byte sectors, zeros and garbage. What was synced it keeps. `afterKill` keeps everything that was written.
 *
 * After a failed sync it is as a kernel: readers still see what was written, also after a kill, but no later sync writes it,
 * and power loss takes it away. Only what is written anew reaches the disk. A small file whose replacement has failed may be
 * seen and not be there after power loss, too.
 */
import type { Store, StoreFile } from "../../log/store.ts";

/** What happens at the n-th operation (from 1). */
export interface Fault {
  at: number;
  kind: "fail" | "crash";
  /** Only these operations are counted; all when it is left out. */
  operation?: Operation;
  /** Only operations on files whose name ends so; all when it is left out. */
  suffix?: string;
}

export type Operation = "append" | "sync" | "truncate" | "write" | "rename" | "delete";

interface Disk {
  /** What a reader sees: the page cache. */
  bytes: Uint8Array;
  /** What power loss leaves for certain; undefined: not even the name. */
  synced: Uint8Array | undefined;
  syncHasFailed: boolean;
  /** Ranges that a failed sync has dropped: seen, and not to be written by any sync to come. */
  dropped: (readonly [from: number, to: number])[];
  /** It is `bytes` or `synced`, nothing in between. */
  isReplaced: boolean;
}

function diskOf(bytes: Uint8Array, synced: Uint8Array | undefined, isReplaced = false): Disk {
  return { bytes, synced, syncHasFailed: false, dropped: [], isReplaced };
}

/** What the disk has of `bytes` when all is written that still can be. */
function reachable(bytes: Uint8Array, { dropped, synced }: Disk): Uint8Array {
  const reached = bytes.slice();
  for (const [from, to] of dropped)
    for (let at = from; at < Math.min(to, bytes.length); at++) reached[at] = synced?.[at] ?? 0;
  return reached;
}

const SECTOR_BYTES = 512;

export class CrashingStore implements Store {
  /** Operations that were begun since the fault was armed, of those that it counts. */
  operations = 0;
  private fault: Fault | undefined;
  /** Things that a log must never do, such as syncing a file again after a sync of it has failed. */
  readonly violations: string[] = [];
  /** Resolves when the store has stopped dead. */
  readonly crashed: Promise<void>;
  private readonly random: () => number;
  private readonly disks = new Map<string, Disk>();
  /** Whether the store has stopped. */
  isDead = false;
  private die: () => void = () => {};

  constructor(random: () => number) {
    this.random = random;
    this.crashed = new Promise((resolve) => (this.die = resolve));
  }

  /** The store after the machine has lost its power. */
  afterPowerLoss(): CrashingStore {
    return this.successor((disk) => {
      const bytes = this.remains(disk);
      return bytes && diskOf(bytes, disk.synced?.slice());
    });
  }

  /** The store after the process was killed. */
  afterKill(): CrashingStore {
    return this.successor(({ bytes, synced, dropped, isReplaced }) => ({
      ...diskOf(bytes.slice(), synced?.slice(), isReplaced),
      dropped: [...dropped],
    }));
  }

  /** From now on operations are counted up to the fault. */
  arm(fault: Fault): void {
    this.fault = fault;
    this.operations = 0;
  }

  /** Stops dead now: no operation that is in flight or comes later ends. */
  crash(): void {
    this.isDead = true;
    this.die();
  }

  list(prefix: string): Promise<string[]> {
    return this.alive(() => [...this.disks.keys()].filter((name) => name.startsWith(prefix)).sort());
  }

  open(name: string): Promise<StoreFile> {
    return this.alive(() => {
      const disk = this.disks.get(name) ?? diskOf(new Uint8Array(0), undefined);
      this.disks.set(name, disk);
      return new CrashingFile(name, disk, this);
    });
  }

  read(name: string): Promise<Uint8Array | undefined> {
    return this.alive(() => this.disks.get(name)?.bytes.slice());
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    const replace = (): void => void this.disks.set(name, diskOf(bytes.slice(), bytes.slice()));
    const before = this.disks.get(name)?.synced;
    const show = (): void => void this.disks.set(name, diskOf(bytes.slice(), before, true));
    await this.step("write", name, () => this.chance(0.7) && (this.chance(0.5) ? replace() : show()));
    await this.finish(replace);
  }

  async writeLazily(name: string, bytes: Uint8Array): Promise<void> {
    const put = (count: number): void =>
      void this.disks.set(name, diskOf(bytes.slice(0, count), this.disks.get(name)?.synced));
    await this.step("write", name, () => put(this.below(bytes.length + 1)));
    await this.finish(() => put(bytes.length));
  }

  async rename(from: string, to: string): Promise<void> {
    const move = (): void => {
      const disk = this.disks.get(from);
      if (disk === undefined) throw new Error(`there is no file ${from}`);
      this.disks.delete(from);
      this.disks.set(to, disk);
    };
    await this.step("rename", from, () => this.chance(0.5) && move());
    await this.finish(move);
  }

  async delete(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const remove = (): void => void this.disks.delete(name);
      await this.step("delete", name, () => this.chance(0.5) && remove());
      await this.finish(remove);
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Runs one operation's start: the fault, if it is its turn. `partly` is what a crash in the middle may have done. */
  async step(operation: Operation, name: string, partly: () => unknown): Promise<void> {
    await this.alive(() => {});
    const { at = 0, kind, operation: counted = operation, suffix = "" } = this.fault ?? {};
    if (counted !== operation || !name.endsWith(suffix) || ++this.operations !== at) return;
    this.fault = undefined;
    partly();
    if (kind === "fail") throw new Error(`injected: ${operation} of ${name}`);
    this.crash();
    await never();
  }

  /** Ends an operation: its effect, and nobody hears of it when the store is dead by now. */
  async finish(effect: () => void): Promise<void> {
    if (this.isDead) await never();
    effect();
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  below(count: number): number {
    return Math.floor(this.random() * count);
  }

  /** Answers after a while, or never when the store is dead by then. */
  async alive<T>(answer: () => T): Promise<T> {
    if (this.chance(0.3)) await new Promise((resolve) => setImmediate(resolve));
    if (this.isDead) await never();
    return answer();
  }

  private successor(left: (disk: Disk) => Disk | undefined): CrashingStore {
    const next = new CrashingStore(this.random);
    for (const [name, disk] of this.disks) {
      const successor = left(disk);
      if (successor !== undefined) next.disks.set(name, successor);
    }
    return next;
  }

  private remains(disk: Disk): Uint8Array | undefined {
    const { synced } = disk;
    if (disk.isReplaced) return this.chance(0.5) ? disk.bytes.slice() : synced?.slice();
    const bytes = reachable(disk.bytes, disk);
    if (synced === undefined && this.chance(0.3)) return undefined;
    const kept = synced ?? new Uint8Array(0);
    const isExtension = kept.length <= bytes.length && kept.every((value, at) => value === bytes[at]);
    // A truncation that was not synced may not have happened.
    if (!isExtension && this.chance(0.5)) return kept.slice();
    const certain = isExtension ? kept.length : Math.min(kept.length, bytes.length);
    const length = certain + this.below(bytes.length - certain + 1);
    const left = bytes.slice(0, this.chance(0.3) ? bytes.length : length);
    if (this.chance(0.4)) this.spoil(left, certain);
    return left;
  }

  /** Sectors that never reached the disk hold zeros, or what was there before. */
  private spoil(bytes: Uint8Array, from: number): void {
    for (let at = from; at < bytes.length; at = (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES) {
      if (!this.chance(0.3)) continue;
      const end = Math.min(bytes.length, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
      if (this.chance(0.5)) bytes.fill(0, at, end);
      else for (let one = at; one < end; one++) bytes[one] = this.below(256);
    }
  }
}

class CrashingFile implements StoreFile {
  readonly name: string;
  size: number;
  private readonly disk: Disk;
  private readonly store: CrashingStore;
  private last: Promise<void> = Promise.resolve();

  constructor(name: string, disk: Disk, store: CrashingStore) {
    this.name = name;
    this.disk = disk;
    this.store = store;
    this.size = disk.bytes.length;
  }

  append(pieces: readonly Uint8Array[]): Promise<void> {
    const bytes = joined(pieces);
    this.size += bytes.length;
    return this.inTurn(async () => {
      const add = (count: number): void =>
        void (this.disk.bytes = joined([this.disk.bytes, bytes.subarray(0, count)]));
      await this.store.step("append", this.name, () => add(this.store.below(bytes.length + 1)));
      await this.store.finish(() => add(bytes.length));
    });
  }

  read(position: number, length: number): Promise<Uint8Array> {
    return this.store.alive(() => this.disk.bytes.slice(position, position + length));
  }

  truncate(size: number): Promise<void> {
    this.size = size;
    return this.inTurn(async () => {
      const cut = (): void => {
        this.disk.bytes = this.disk.bytes.slice(0, size);
        this.disk.dropped = this.disk.dropped.map(([from, to]) => [from, Math.min(to, size)]);
      };
      await this.store.step("truncate", this.name, () => this.store.chance(0.5) && cut());
      await this.store.finish(cut);
    });
  }

  async sync(): Promise<void> {
    if (this.disk.syncHasFailed)
      this.store.violations.push(`${this.name} was synced again after a sync of it had failed`);
    const covered = this.disk.bytes.slice();
    try {
      await this.store.step("sync", this.name, () => {});
    } catch (error) {
      this.disk.syncHasFailed = true;
      if (this.store.chance(0.8))
        this.disk.dropped.push([sameBytes(covered, this.disk.synced), covered.length]);
      throw error;
    }
    await this.store.finish(() => void (this.disk.synced = reachable(covered, this.disk)));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  private inTurn(task: () => Promise<void>): Promise<void> {
    const done = this.last.then(task, task);
    this.last = done.catch(() => {});
    return done;
  }
}

/** A new one each time: one that is shared would keep all who wait for it. */
const never = (): Promise<never> => new Promise(() => {});

/** How many bytes both begin with. */
function sameBytes(one: Uint8Array, other: Uint8Array | undefined): number {
  const differs = one.findIndex((value, at) => value !== other?.[at]);
  return differs < 0 ? one.length : differs;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
