/** Where devices live: profiles in one browser that they share, or a browser of one profile that can be killed. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright";
import type { Browser, BrowserContext } from "playwright";
import type { Home } from "./device.ts";
import { openSdkSite } from "./sdk-site.ts";
import type { SdkSite } from "./sdk-site.ts";

const LAUNCH = {
  executablePath: process.env.RIVULET_CHROMIUM ?? "/usr/bin/chromium",
  // A tab that crashes takes no other one with it.
  args: ["--no-sandbox", "--process-per-tab"],
};

export class Browsers {
  readonly site: SdkSite;
  private readonly shared: Browser;

  private constructor(site: SdkSite, shared: Browser) {
    this.site = site;
    this.shared = shared;
  }

  static async open(): Promise<Browsers> {
    const [site, shared] = await Promise.all([openSdkSite(), chromium.launch(LAUNCH)]);
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
    return openProfile(directory);
  }

  async close(): Promise<void> {
    await this.shared.close();
    await this.site.close();
  }
}

async function openProfile(directory: string): Promise<Home> {
  const context = await chromium.launchPersistentContext(directory, LAUNCH);
  return {
    context,
    async killBrowser() {
      const closed = new Promise((resolve) => context.once("close", resolve));
      process.kill(await browserProcess(context), "SIGKILL");
      await closed;
      return openProfile(directory);
    },
    async close() {
      await context.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The id of the process that holds the profile. */
async function browserProcess(context: BrowserContext): Promise<number> {
  const browser = context.browser();
  if (browser === null) throw new Error("the browser does not say who it is");
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const found = processInfo.find(({ type }) => type === "browser");
  if (found === undefined) throw new Error("the browser has no process");
  return found.id;
}
