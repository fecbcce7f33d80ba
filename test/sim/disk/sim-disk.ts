/**
 * A machine's disk with its file system: what was not synced is lost with the power, or kept, or torn. It is there for
 * longer than the processes that use it; each of them has its own calls (`fileSystem`).
 */
import type { FileSystem } from "../../../gateway/store/file-system.ts";
import type { Process } from "../kernel/process.ts";
import type { Random } from "../kernel/random.ts";
import type { World } from "../kernel/world.ts";
import { noDiskFaults, type DiskFaults } from "./disk-faults.ts";
import { DiskProcess } from "./disk-process.ts";
import { SimDirectory } from "./sim-directory.ts";
import { SimFile } from "./sim-file.ts";

/**
 * Bits flip in what has been left alone for so long. A log tells what was synced and has rotted from what was never synced
 * by notes that are synced a second later; a bit that flips within that second, before a loss of power, is taken for a
 * write that never arrived (see `docs/decisions.md`).
 */
const REST_MS = 3000;

export class SimDisk {
  readonly world: World;
  readonly random: Random;
  readonly root = new SimDirectory();
  /** Nothing fits on it beyond this; undefined: everything does. */
  capacityBytes: number | undefined;
  /** Bytes of all files, those included that have no name any more and are still open. */
  usedBytes = 0;
  faults: DiskFaults;
  /** Hears of everything that goes wrong, by its kind. */
  onHappened: ((kind: string) => void) | undefined;
  /** Hears that somebody waits for a file to be synced. */
  onSyncBegun: (() => void) | undefined;
  /** Hears of every name that a file is made under, or is given. */
  onNamed: ((path: string) => void) | undefined;
  /** Until then it stands still: reads and writes go through the cache, and no sync that begins comes to its end. */
  standsStillUntilMs = 0;
  private readonly processes = new Set<DiskProcess>();

  constructor(world: World, faults: DiskFaults = noDiskFaults) {
    this.world = world;
    this.random = world.random.fork("disk");
    this.faults = faults;
  }

  /** The calls of one process, for as long as it lives. Of what it asks for when it dies any part may be done. */
  fileSystem(process: Process): FileSystem {
    const calls = new DiskProcess(this, process);
    this.processes.add(calls);
    process.onKilled(() => {
      calls.end();
      this.processes.delete(calls);
    });
    return calls;
  }

  /** The machine stands still, and whatever runs on it is dead: kill the processes first. */
  losePower(): void {
    if (this.processes.size > 0) throw new Error("the power was lost under a process that still runs");
    const seen = new Set<SimFile>();
    this.usedBytes = 0;
    this.standsStillUntilMs = 0;
    const pending: [path: string, directory: SimDirectory][] = [["", this.root]];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      const [path, directory] = at;
      for (const what of directory.losePower(this.random)) this.happened(what);
      for (const [name, node] of directory.entries) {
        if (node.kind === "directory") pending.push([`${path}/${name}`, node]);
        else if (seen.has(node)) node.links += 1;
        else {
          seen.add(node);
          node.links = 1;
          this.damage(`${path}/${name}`, node);
          this.usedBytes += node.size;
        }
      }
    }
  }

  /**
   * A bit at rest flips in one of the files whose path is wanted: segments, unless it is said otherwise. Answers where;
   * undefined when no byte of them is on the disk.
   */
  flipBit(
    isWanted: (path: string) => boolean = (path) => path.endsWith(".log"),
  ): { path: string; position: number } | undefined {
    const candidates = this.files().filter(([path, file]) => file.size > 0 && isWanted(path));
    if (candidates.length === 0) return undefined;
    const [path, file] = this.random.pick(candidates);
    const position = file.flip(this.random, this.world.nowMs - REST_MS);
    if (position === undefined) return undefined;
    this.happened("bit flipped", `a bit flips at ${position} of ${path}`);
    return { path, position };
  }

  /** Turns back every bit that has flipped, as somebody does who has a copy. */
  mend(): void {
    for (const [path, file] of this.files()) {
      const bytes = file.mend();
      if (bytes > 0) this.happened("mended", `${bytes} bytes of ${path} are as they were`);
    }
  }

  /** From now on it works, and has room. */
  heal(): void {
    this.faults = noDiskFaults;
    this.capacityBytes = undefined;
    this.standsStillUntilMs = 0;
    this.mend();
  }

  /** Whether there is a file whose path is wanted. */
  holds(isWanted: (path: string) => boolean): boolean {
    return this.files().some(([path]) => isWanted(path));
  }

  /** Bytes that still fit. */
  get roomBytes(): number {
    return Math.max(0, (this.capacityBytes ?? Infinity) - this.usedBytes);
  }

  /** Counts what happened, and tells it where that is worth a line. */
  happened(kind: string, line?: string): void {
    this.world.trace.count(`disk: ${kind}`);
    if (line !== undefined) this.world.trace.say("disk", line);
    this.onHappened?.(kind);
  }

  /** All files that have a name, by path. */
  private files(): [path: string, file: SimFile][] {
    const found: [string, SimFile][] = [];
    const visit = (path: string, directory: SimDirectory): void => {
      for (const [name, node] of directory.entries) {
        if (node.kind === "directory") visit(`${path}/${name}`, node);
        else found.push([`${path}/${name}`, node]);
      }
    };
    visit("", this.root);
    return found;
  }

  private damage(path: string, file: SimFile): void {
    const { lostBytes, isTorn, truncationWasUndone } = file.losePower(this.random, this.faults.torn);
    if (truncationWasUndone) this.happened("truncation undone", `${path} is as long as before it was cut`);
    if (lostBytes === 0) return;
    this.happened(
      isTorn ? "torn write" : "bytes lost",
      `${path} has lost ${lostBytes} bytes${isTorn ? ", torn" : ""}`,
    );
  }
}
