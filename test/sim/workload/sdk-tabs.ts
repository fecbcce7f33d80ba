/** The tabs of one account on one device: opened, closed, switched offline and on again, and opened anew when they die. */
import type { Device } from "../browser/device.ts";
import type { Tab } from "../browser/tab.ts";
import type { Random } from "../kernel/random.ts";
import type { Actor, FinalState, Run } from "../workload.ts";

export interface SdkTabsOptions {
  readonly tabs: number;
  /** Mean time until a tab is closed by its user; undefined: never. */
  readonly closeMeanMs: number | undefined;
  /** Mean time until a tab is switched offline for a while; undefined: never. */
  readonly offlineMeanMs: number | undefined;
}

/** Somebody loads a page anew so long after the last record was published, at most: nothing that comes later brings it along. */
const LATE_MS = [100, 20_000] as const;

/** What an app does in each tab. `name` is that of the tab's life; all ends with `tab.process`. */
export type App = (tab: Tab, name: string) => void;

export class SdkTabs implements Actor {
  readonly name: string;
  readonly device: Device;
  readonly principal: string;
  private readonly run: Run;
  private readonly options: SdkTabsOptions;
  private readonly random: Random;
  private readonly apps: App[] = [];
  private readonly open = new Set<Tab>();
  private opening = 0;
  private opened = 0;
  private isCalm = false;

  constructor(run: Run, device: Device, principal: string, options: SdkTabsOptions) {
    this.run = run;
    this.device = device;
    this.principal = principal;
    this.options = options;
    this.name = `${device.name}/${principal}`;
    this.random = run.random.fork(this.name);
  }

  /** Runs `app` in every tab from now on. */
  runInTabs(app: App): void {
    this.apps.push(app);
  }

  /** Tabs that are alive. */
  get tabs(): readonly Tab[] {
    return [...this.open].filter((tab) => tab.isOpen);
  }

  start(): void {
    for (let count = 0; count < this.options.tabs; count++) this.openSoon(0, 3000);
  }

  calm(): void {
    this.isCalm = true;
    for (const tab of this.tabs) tab.process.enter(() => tab.client.goOnline());
    if (!this.random.chance(0.5)) return;
    this.run.world.after(this.random.delay(...LATE_MS), () => {
      const [tab] = this.tabs;
      if (tab !== undefined) this.close(tab);
    });
  }

  get waitsFor(): string | undefined {
    if (this.opening > 0) return "tabs that open";
    if (this.tabs.some((tab) => tab.isLost)) return "a tab whose store was taken away";
    return this.tabs.length === 0 ? "a tab" : undefined;
  }

  finish(_final: FinalState): Promise<void> {
    return Promise.resolve();
  }

  private openSoon(leastMs: number, mostMs: number): void {
    this.opening += 1;
    this.run.world.after(this.random.delay(leastMs, mostMs), () => void this.openOne());
  }

  private async openOne(): Promise<void> {
    const tab = await this.device.openTab(this.principal);
    this.opening -= 1;
    this.open.add(tab);
    this.opened += 1;
    tab.process.onKilled(() => this.gone(tab));
    if (!tab.isOpen) return this.gone(tab);
    for (const app of this.apps) app(tab, `${this.name}/tab-${this.opened}`);
    this.sometimes(tab, this.options.closeMeanMs, () => this.close(tab));
    // The browser has taken its store away: its user loads the page anew.
    tab.client.addEventListener("state", () => {
      if (tab.isLost) tab.process.later(this.random.delay(10, 3000), () => this.close(tab));
    });
    this.goOfflineSometimes(tab);
  }

  private close(tab: Tab): void {
    tab.close().catch((error: unknown) => {
      this.run.world.trace.say(tab.name, `did not close in order: ${String(error)}`);
      this.run.world.trace.count("tab: did not close in order");
    });
  }

  private gone(tab: Tab): void {
    if (this.open.delete(tab)) this.openSoon(50, 5000);
  }

  private goOfflineSometimes(tab: Tab): void {
    this.sometimes(tab, this.options.offlineMeanMs, () => {
      this.run.world.trace.count("tab: switched offline");
      tab.client.goOffline();
      tab.process.later(this.random.delay(50, 10_000), () => {
        tab.client.goOnline();
        this.goOfflineSometimes(tab);
      });
    });
  }

  private sometimes(tab: Tab, meanMs: number | undefined, act: () => void): void {
    if (meanMs === undefined) return;
    tab.process.later(-Math.log(1 - this.random.next()) * meanMs, () => {
      if (!this.isCalm && tab.isOpen) act();
    });
  }
}
