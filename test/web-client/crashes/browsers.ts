/** Where devices live: profiles in one browser that they share, or a browser of one profile that can be killed. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright";
import { launchBrowser, openProfile } from "../../tools/browser.ts";
import { processesBelow } from "../../tools/processes.ts";
import type { Home } from "./device.ts";
import { openSdkSite } from "./sdk-site.ts";
import type { SdkSite } from "./sdk-site.ts";

// A tab that crashes takes no other one with it; Firefox has a process for each anyway.
const OPTIONS = { chromiumArgs: ["--process-per-tab"] } as const;

export class Browsers {
  readonly site: SdkSite;
  private readonly shared: Browser;

  private constructor(site: SdkSite, shared: Browser) {
    this.site = site;
    this.shared = shared;
  }

  static async open(): Promise<Browsers> {
    const [site, shared] = await Promise.all([openSdkSite(), launchBrowser(OPTIONS)]);
    return new Browsers(site, shared);
  }

  /** A profile that is gone with its context. */
  async profile(): Promise<Home> {
    const context = await this.shared.newContext();
    return { context, close: () => context.close() };
  }

  /** A profile on the disk, in a browser of its own. */
  async ownBrowser(): Promise<Home> {
    const directory = await mkdtemp(join(tmpdir(), "rivulet-profile-"));
    return openHome(directory);
  }

  async close(): Promise<void> {
    await this.shared.close();
    await this.site.close();
  }
}

async function openHome(directory: string): Promise<Home> {
  const context = await openProfile(directory, OPTIONS);
  return {
    context,
    async killBrowser() {
      const closed = new Promise((resolve) => context.once("close", resolve));
      for (const { id, commandLine } of processesBelow())
        if (commandLine.some((word) => word.includes(directory))) process.kill(id, "SIGKILL");
      await closed;
      return openHome(directory);
    },
    async close() {
      await context.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
