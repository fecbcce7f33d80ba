/** A device with one browser: its databases, its clock, and its tabs. */
import type { ClientHost } from "../../../web-client/core/client-host.ts";
import { allCode } from "../../../web-client/client-code.ts";
import type { ClientCode } from "../../../web-client/client-code.ts";
import { RivuletClient } from "../../../web-client/core/rivulet-client.ts";
import { openCore } from "../../../web-client/open-core.ts";
import { loadEngine } from "../../engine/load.ts";
import type { GatewayNode } from "../gateway-node.ts";
import { Process } from "../kernel/process.ts";
import type { Random } from "../kernel/random.ts";
import type { World } from "../kernel/world.ts";
import { history, serverTime, webSocketTransport } from "../network/client-side.ts";
import type { Network } from "../network/network.ts";
import { DeviceChannels } from "./channel.ts";
import { DeviceDatabases } from "./databases.ts";
import { calmBrowser } from "./faults.ts";
import type { BrowserFaults } from "./faults.ts";
import { DeviceLocks } from "./locks.ts";
import { Tab } from "./tab.ts";

export interface DeviceOptions {
  world: World;
  network: Network;
  name: string;
  gateway: Pick<GatewayNode, "webSocketAddress" | "httpAddress">;
  faults: BrowserFaults;
  /** What the next tab has of its code that is loaded on demand; left out, all of it. */
  code?: () => ClientCode;
}

/** What an account has lost. */
export interface LostData {
  /** As in the history: `<device>/<principal>`. */
  readonly producer: string;
  /** The outbox went; otherwise only replicas. */
  readonly outbox: boolean;
}

/** Its calls are synchronous and keep nothing between them but scratch memory: one does for all tabs. */
const engine = loadEngine();

/** Somebody waits so long before they reload a page that did not come up. */
const RELOAD_MS = [200, 3000] as const;
/** A tab that crashes while it is opened does so within this time. */
const OPENING_MS = 40;

export class Device {
  readonly name: string;
  private readonly options: DeviceOptions;
  private readonly world: World;
  private readonly random: Random;
  /** A copy: healing ends them. */
  private readonly faults: BrowserFaults;
  private readonly databases: DeviceDatabases;
  private readonly locks: DeviceLocks;
  private readonly channels: DeviceChannels;
  private readonly openTabs = new Set<Tab>();
  /** Of all tabs, also those that are being opened. */
  private readonly processes = new Set<Process>();
  private readonly onOnline = new Set<() => void>();
  private aheadMs = 0;
  private tabsOpened = 0;

  constructor(options: DeviceOptions) {
    const { world, name } = options;
    this.options = options;
    this.world = world;
    this.name = name;
    this.random = world.random.fork(name);
    this.faults = { ...options.faults };
    this.databases = new DeviceDatabases(world, this.random.fork("databases"), this.faults);
    this.locks = new DeviceLocks(world);
    this.channels = new DeviceChannels(world, this.faults);
  }

  /** Those that are open: neither closed nor dead. */
  get tabs(): readonly Tab[] {
    return [...this.openTabs];
  }

  /** How far the device's clock is ahead of the true one, in milliseconds; all its tabs read it. */
  get clockAheadMs(): number {
    return this.aheadMs;
  }

  set clockAheadMs(aheadMs: number) {
    this.aheadMs = aheadMs;
    for (const process of this.processes) process.clockAheadMs = aheadMs;
  }

  /** Opens a page of the app for this user, and again when it crashes or does not come up with its store. */
  async openTab(principal: string): Promise<Tab> {
    for (;;) {
      const tab = await this.tryToOpen(principal);
      if (tab !== undefined) return tab;
      this.world.trace.count("tab: did not come up");
      await this.world.sleep(this.random.delay(...RELOAD_MS));
    }
  }

  /** Eviction: all databases are gone, and closed under the tabs that have them open. Answers what was lost. */
  wipe(): readonly LostData[] {
    const { names } = this.databases;
    this.world.trace.say(this.name, `the browser throws away ${names.length} databases`);
    this.world.trace.count("idb: wiped");
    return this.deleteAll(names);
  }

  /** As `wipe`, with one database, if there is one. */
  deleteDatabase(): readonly LostData[] {
    const { names } = this.databases;
    if (names.length === 0) return [];
    const name = this.random.pick(names);
    this.world.trace.say(this.name, `the database ${name} is deleted`);
    this.world.trace.count("idb: database deleted");
    return this.deleteAll([name]);
  }

  /** All tabs die, and what was written with relaxed durability may be gone. */
  losePower(): void {
    for (const process of this.processes) {
      this.options.network.loseMachine(process);
      process.kill();
    }
    const lost = this.databases.losePower();
    this.world.trace.say(this.name, `loses power, and ${lost} transactions with it`);
    this.world.trace.count("device: lost power");
    if (lost > 0) this.world.trace.count("idb: relaxed transactions lost", lost);
  }

  /** From now on nothing goes wrong by itself, and its tabs hear that there is a network. */
  heal(): void {
    Object.assign(this.faults, calmBrowser);
    for (const listener of this.onOnline) listener();
  }

  private deleteAll(names: readonly string[]): LostData[] {
    for (const name of names) this.databases.delete(name);
    const lost = new Map<string, boolean>();
    for (const name of names) {
      const [, kind, principal = ""] = name.split("/");
      const producer = `${this.name}/${decodeURIComponent(principal)}`;
      lost.set(producer, lost.get(producer) === true || kind === "account");
    }
    return [...lost].map(([producer, outbox]) => ({ producer, outbox }));
  }

  /** The databases, as code in this process finds them. */
  databasesOf(process: Process): IDBFactory {
    return this.databases.of(process);
  }

  private async tryToOpen(principal: string): Promise<Tab | undefined> {
    this.tabsOpened += 1;
    const process = new Process(this.world, `${this.name}/${principal}-${this.tabsOpened}`);
    process.clockAheadMs = this.aheadMs;
    this.processes.add(process);
    process.onKilled(() => this.processes.delete(process));
    const died = new Promise<undefined>((resolve) => process.onKilled(() => resolve(undefined)));
    let isOpen = false;
    if (this.random.chance(this.faults.crashAtOpeningRate)) {
      this.world.after(this.random.delay(0, OPENING_MS), () => {
        if (isOpen) return;
        this.world.trace.count("tab: crashed while it was opened");
        process.kill();
      });
    }
    const opening = openCore(this.hostOf(process), {
      account: this.options.gateway.httpAddress,
      principal,
      databases: this.databases.of(process),
      engine,
      wholeEngine: () => engine,
      code: this.options.code?.() ?? allCode,
      create: (parts) => new RivuletClient(parts),
      offline: false,
      signal: undefined,
    }).catch((error: unknown) => {
      this.world.trace.say(process.name, `does not come up: ${String(error)}`);
      return undefined;
    });
    const client = await Promise.race([opening, died]);
    // In memory beside the device's store its records would be its own: nobody works with such a page.
    if (client?.storage !== "indexeddb") {
      process.kill();
      return undefined;
    }
    isOpen = true;
    const tab = new Tab(principal, process, client);
    this.openTabs.add(tab);
    process.onKilled(() => this.openTabs.delete(tab));
    this.world.trace.say(tab.name, "is open");
    return tab;
  }

  private hostOf(process: Process): ClientHost {
    const { network, gateway } = this.options;
    const { trace } = this.world;
    return {
      clock: process.clock,
      random: () => process.random.next(),
      openTransport: webSocketTransport(network, process, gateway.webSocketAddress),
      knock: serverTime(network, process, gateway.httpAddress),
      history: history(network, process, gateway.httpAddress),
      serverTime: serverTime(network, process, gateway.httpAddress),
      locks: this.locks.of(process),
      openPort: this.channels.of(process),
      onOnline: (listener, signal) => {
        const heard = (): void => process.enter(listener);
        this.onOnline.add(heard);
        const leave = (): void => void this.onOnline.delete(heard);
        signal.addEventListener("abort", leave, { once: true });
        process.onKilled(leave);
      },
      storage: {
        persist: () => Promise.resolve(false),
        persisted: () => Promise.resolve(false),
        estimate: () => Promise.resolve({}),
      },
      report: (what, error) => {
        trace.say(process.name, `reports: ${what}: ${String(error)}`);
        trace.count(`tab: reported that ${what}`);
      },
    };
  }
}
