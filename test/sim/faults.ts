/** Whoever breaks things while the workload runs, and mends them at the end: each kind at random moments of its own. */
import type { Device, LostData } from "./browser/device.ts";
import type { Tab } from "./browser/tab.ts";
import type { SimDisk } from "./disk/sim-disk.ts";
import type { GatewayNode } from "./gateway-node.ts";
import type { HistoryEvent } from "./history.ts";
import type { Random } from "./kernel/random.ts";
import type { World } from "./kernel/world.ts";
import type { Network } from "./network/network.ts";

/** How often something happens: the mean time between two of a kind, in ms. Left out: never. */
export type FaultTimes = Partial<Record<FaultKind, number>>;

export type FaultKind =
  | "kill gateway"
  | "power loss"
  | "die while compacting"
  | "restart gateway"
  | "flip bit"
  | "disk full"
  | "disk stands still"
  | "connections break"
  | "device offline"
  | "crash tab"
  | "freeze tab"
  | "wipe device"
  | "delete database"
  | "device loses power"
  | "clock jump";

export interface FaultsOptions {
  readonly world: World;
  readonly network: Network;
  readonly disk: SimDisk;
  readonly gateway: GatewayNode;
  readonly devices: readonly Device[];
  readonly times: FaultTimes;
  readonly note: (event: HistoryEvent) => void;
}

/** An operator looks after the gateway this often. */
const WATCH_MS = 500;
const DAY_MS = 86_400_000;
/** A sync takes about so long: what was told too early has been heard, and what was written is not on the disk. */
const BY_A_SYNC_MS = [0.2, 10] as const;
/**
 * After a loss of power bits flip only once the gateway has served again for so long. A loss of power takes the notes of
 * what was synced, and a start that is cut short has not written them anew: until one has come to its end, nothing tells a
 * bit that flips from a write that never arrived (see `docs/decisions.md`).
 */
const NOTED_ANEW_MS = 3000;
/** A disk stands still for so long: whoever does not wait for it goes on, and is heard by many. */
const STANDS_STILL_MS = [5, 1500] as const;
/** Power comes back so long after a disk has gone on, at most. */
const GOES_ON_MS = [0.2, 300] as const;
/** A segment is compacted within about so long, once its file is there or has its new name. */
const BY_A_COMPACTION_MS = [0.01, 30] as const;
const isOfCompaction = (path: string): boolean => path.endsWith(".cleaned") || path.endsWith(".swap");
/** A start syncs about so often. */
const SYNCS_OF_A_START = 16;

export class Faults {
  private readonly options: FaultsOptions;
  private readonly random: Random;
  private isOver = false;
  /** The gateway is being started, or waits for it. */
  private isStarting = false;
  /** When the gateway first served after the last loss of power; undefined: it has not yet. */
  private poweredSinceMs: number | undefined;

  constructor(options: FaultsOptions) {
    this.options = options;
    this.random = options.world.random.fork("faults");
  }

  /** The gateway serves by now. */
  start(): void {
    this.poweredSinceMs = this.options.world.nowMs;
    const kinds: Record<FaultKind, () => void> = {
      "kill gateway": () => this.dieOneWay("killed"),
      "power loss": () => this.dieOneWay("power loss"),
      "die while compacting": () => this.dieWhileCompacting(),
      "restart gateway": () => this.restartCleanly(),
      "flip bit": () => this.flipBit(),
      "disk full": () => this.fillDisk(),
      "disk stands still": () => this.atSync(0, () => this.standStill()),
      "connections break": () => this.options.network.cutAll(),
      "device offline": () => this.takeOffline(),
      "crash tab": () => this.someTab()?.crash(),
      "freeze tab": () => this.freezeTab(),
      "wipe device": () => this.loseData((device) => device.wipe()),
      "delete database": () => this.loseData((device) => device.deleteDatabase()),
      "device loses power": () => this.someDevice()?.losePower(),
      "clock jump": () => this.jumpClock(),
    };
    for (const [kind, meanMs] of Object.entries(this.options.times) as [FaultKind, number][])
      this.repeat(meanMs, kinds[kind]);
    this.watch();
  }

  /** No more faults; what is broken is mended, and stays so. */
  heal(): void {
    const { world, network, disk, devices } = this.options;
    world.trace.say("faults", "heal everything");
    this.isOver = true;
    disk.onSyncBegun = undefined;
    disk.onNamed = undefined;
    network.heal();
    disk.heal();
    for (const device of devices) {
      device.heal();
      for (const tab of device.tabs) tab.wake();
    }
  }

  /** Whether the gateway serves, and no partition of it is out of order. */
  get isWell(): boolean {
    return this.options.gateway.isServing && !this.isOutOfOrder();
  }

  private repeat(meanMs: number, act: () => void): void {
    const { world } = this.options;
    const next = (): void => {
      // Times between independent events.
      const waitMs = -Math.log(1 - this.random.next()) * meanMs;
      world.after(waitMs, () => {
        if (this.isOver) return;
        act();
        next();
      });
    };
    next();
  }

  private gatewayDies(how: "killed" | "power loss"): void {
    const { gateway, world, disk, note } = this.options;
    if (gateway.process === undefined) return;
    if (gateway.isServing && disk.holds(isOfCompaction))
      world.trace.count(`compaction: ${how} in the middle`);
    if (how === "killed") gateway.kill();
    else {
      gateway.losePower();
      this.poweredSinceMs = undefined;
    }
    note({ kind: "gateway died", atMs: world.nowMs, how });
  }

  /** Mostly while the gateway waits for a sync, short or long: whoever does not wait for it is found out then. */
  private dieOneWay(how: "killed" | "power loss"): void {
    const when = this.random.pick(["now", "by a sync", "standing still", "standing still"] as const);
    if (when === "now") return this.gatewayDies(how);
    this.atSync(0, () => {
      if (when === "by a sync") return this.dieAfter(this.random.delay(...BY_A_SYNC_MS), how);
      const stillMs = this.standStill();
      this.dieAfter(stillMs + (this.random.chance(0.3) ? this.random.delay(...GOES_ON_MS) : 0), how);
    });
  }

  /** Where a segment that is compacted gets its file, or its next name. */
  private dieWhileCompacting(): void {
    const { disk } = this.options;
    const how = this.random.pick(["killed", "power loss"] as const);
    disk.onNamed = (path) => {
      if (!isOfCompaction(path) || this.random.chance(0.5)) return;
      disk.onNamed = undefined;
      this.dieAfter(this.random.delay(...BY_A_COMPACTION_MS), how);
    };
  }

  private dieAfter(ms: number, how: "killed" | "power loss"): void {
    this.options.world.after(ms, () => {
      if (!this.isOver) this.gatewayDies(how);
    });
  }

  /** Nothing is synced for a while. Clients that lose their connections meanwhile send again. Answers for how long, in ms. */
  private standStill(): number {
    const { disk, network, world } = this.options;
    const ms = this.random.between(...STANDS_STILL_MS);
    world.trace.say("disk", `stands still for ${ms} ms`);
    world.trace.count("disk: stood still");
    disk.standsStillUntilMs = world.nowMs + ms;
    if (this.random.chance(0.5))
      world.after(ms * this.random.next(), () => {
        if (!this.isOver) network.cutAll();
      });
    return ms;
  }

  /** Acts when so many more syncs have begun, and the next one begins. */
  private atSync(skipped: number, act: () => void): void {
    const { disk } = this.options;
    let left = skipped;
    disk.onSyncBegun = () => {
      if (left-- > 0) return;
      disk.onSyncBegun = undefined;
      act();
    };
  }

  private restartCleanly(): void {
    const { gateway } = this.options;
    if (gateway.isServing) void gateway.stop();
  }

  /** An operator: starts what is down, and restarts what has a partition that cannot be written. */
  private watch(): void {
    const { gateway, world } = this.options;
    world.after(this.random.delay(WATCH_MS / 2, WATCH_MS * 4), () => {
      this.watch();
      if (this.isStarting) return;
      if (gateway.process === undefined) void this.startGateway();
      else if (gateway.isServing && this.isOutOfOrder()) {
        world.trace.count("gateway: restarted to mend a partition");
        // The operator has a backup of what went bad.
        if (this.isOver || this.random.chance(0.5)) this.options.disk.mend();
        if (this.random.chance(0.5)) this.gatewayDies("killed");
        else void gateway.stop();
      }
    });
  }

  private async startGateway(): Promise<void> {
    const { gateway, disk, world } = this.options;
    this.isStarting = true;
    this.maybeDieAgain();
    const isServing = await gateway.start();
    this.isStarting = false;
    if (isServing) this.poweredSinceMs ??= world.nowMs;
    if (isServing || gateway.lastFailure === undefined) return;
    world.trace.count("gateway: refused to start");
    disk.mend();
    if (this.isOver) disk.heal();
  }

  /** Power that comes back often goes again at once: what a start does must bear being cut short anywhere. */
  private maybeDieAgain(): void {
    const { world, times } = this.options;
    if (this.isOver || times["power loss"] === undefined || !this.random.chance(0.5)) return;
    const die = (): void => {
      if (this.isOver) return;
      world.trace.count(`gateway: power loss ${this.isStarting ? "during" : "soon after"} a start`);
      this.gatewayDies("power loss");
    };
    if (this.random.chance(0.5)) world.after(this.random.delay(1, 200), die);
    else
      this.atSync(this.random.below(SYNCS_OF_A_START), () => {
        world.after(this.random.delay(...BY_A_SYNC_MS), die);
      });
  }

  private isOutOfOrder(): boolean {
    return !this.options.gateway.isWell;
  }

  private flipBit(): void {
    const { disk, world } = this.options;
    if (world.nowMs - (this.poweredSinceMs ?? Infinity) >= NOTED_ANEW_MS) disk.flipBit();
  }

  private fillDisk(): void {
    const { disk, world } = this.options;
    disk.capacityBytes = disk.usedBytes + this.random.below(4096);
    world.trace.say("disk", `is full but for ${disk.capacityBytes - disk.usedBytes} bytes`);
    world.trace.count("disk: full");
    world.after(this.random.delay(500, 10_000), () => {
      disk.capacityBytes = undefined;
    });
  }

  private loseData(from: (device: Device) => readonly LostData[]): void {
    const { world, note } = this.options;
    const device = this.someDevice();
    if (device === undefined) return;
    for (const lost of from(device)) note({ kind: "device wiped", atMs: world.nowMs, ...lost });
  }

  private takeOffline(): void {
    const { network, world } = this.options;
    const device = this.someDevice();
    if (device === undefined) return;
    network.setOffline(device.name, true);
    world.after(this.random.delay(100, 30_000), () => network.setOffline(device.name, false));
  }

  private freezeTab(): void {
    const tab = this.someTab();
    if (tab === undefined || tab.process.isFrozen) return;
    tab.freeze();
    this.options.world.after(this.random.delay(100, 60_000), () => tab.wake());
  }

  private jumpClock(): void {
    const device = this.someDevice();
    if (device === undefined) return;
    const byMs = Math.round(
      (this.random.next() - 0.5) * 2 * this.random.pick([60_000, 2 * 3_600_000, 3 * DAY_MS]),
    );
    device.clockAheadMs += byMs;
    this.options.world.trace.say(device.name, `its clock jumps by ${byMs} ms`);
    this.options.world.trace.count("device: clock jumped");
  }

  private someDevice(): Device | undefined {
    const { devices } = this.options;
    return devices.length === 0 ? undefined : this.random.pick(devices);
  }

  private someTab(): Tab | undefined {
    const tabs = this.options.devices.flatMap((device) => device.tabs.filter((tab) => tab.isOpen));
    return tabs.length === 0 ? undefined : this.random.pick(tabs);
  }
}
