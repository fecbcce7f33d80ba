/** A device: what one browser profile keeps, the tabs that are open in it, and who sits before them. */
import type { BrowserContext } from "playwright";
import type { PageWord } from "./notes.ts";
import { NOBODY } from "./wire.ts";
import { Tab } from "./tab.ts";
import type { Death } from "./tab.ts";

export interface DeviceOptions {
  readonly name: string;
  /** Of the pages. */
  readonly origin: string;
  /** Of the gateway, as pages know it. */
  readonly url: string;
  readonly topic: string;
  readonly hear: (word: PageWord) => void;
  readonly tokenOf: (user: string) => Promise<string>;
}

/** Where its profile is: in a browser that others share, or in one of its own. */
export interface Home {
  readonly context: BrowserContext;
  /** `kill -9` of the whole browser; resolves when another one has opened the same profile. */
  killBrowser?(): Promise<Home>;
  close(): Promise<void>;
}

export class Device {
  readonly options: DeviceOptions;
  /** Those that are alive, oldest first. */
  readonly tabs: Tab[] = [];
  /** Of every user who ever had a tab here: the name of their outbox, and who they are. */
  readonly users = new Map<string, string | undefined>();
  private home: Home;
  private opened = 0;

  private constructor(home: Home, options: DeviceOptions) {
    this.home = home;
    this.options = options;
  }

  static async at(home: Home, options: DeviceOptions): Promise<Device> {
    const device = new Device(home, options);
    await device.moveIn();
    return device;
  }

  get context(): BrowserContext {
    return this.home.context;
  }

  /** `user`: who has signed in, where that is asked for. */
  open(user?: string): Promise<Tab> {
    return this.openIn(undefined, user);
  }

  /** It dies; where its page is loaded anew, there is a tab in it at once. */
  async kill(tab: Tab, how: Death): Promise<Tab | undefined> {
    this.tabs.splice(this.tabs.indexOf(tab), 1);
    await tab.die(how);
    return how === "reload" ? this.openIn(tab, tab.options.user) : undefined;
  }

  /** All its tabs die with it. */
  async killBrowser(): Promise<void> {
    const { home } = this;
    if (home.killBrowser === undefined) throw new Error("the browser of this device is not its own");
    for (const tab of this.tabs.splice(0)) tab.lose();
    this.home = await home.killBrowser();
    await this.moveIn();
  }

  async leader(): Promise<Tab> {
    for (;;) for (const tab of this.tabs) if (await tab.leads()) return tab;
  }

  close(): Promise<void> {
    return this.home.close();
  }

  private async openIn(former: Tab | undefined, user: string | undefined): Promise<Tab> {
    const { name, origin, url, topic } = this.options;
    this.opened += 1;
    const outbox = `${name}/${user ?? NOBODY}`;
    this.users.set(outbox, user);
    const { context } = this;
    const tab = await Tab.start(
      former?.process,
      { context, origin },
      {
        name: `${outbox}-${this.opened}`,
        outbox,
        url,
        topic,
        user,
      },
    );
    this.tabs.push(tab);
    return tab;
  }

  private async moveIn(): Promise<void> {
    const { context } = this;
    await context.exposeFunction("tellTest", (word: PageWord) => this.options.hear(word));
    await context.exposeFunction("tokenOf", (user: string) => this.options.tokenOf(user));
  }
}
