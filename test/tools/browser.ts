/**
 * The browser that this run's tests drive: Chromium, or, in those that vitest.config.ts runs again with RIVULET_BROWSER=firefox,
 * a stock Firefox over WebDriver BiDi.
 */
import { join } from "node:path";
import { chromium, firefox } from "playwright";
import type { Browser, BrowserContext, LaunchOptions, Page } from "playwright";

export type BrowserKind = "chromium" | "firefox";

export const browserKind: BrowserKind = process.env.RIVULET_BROWSER === "firefox" ? "firefox" : "chromium";

export interface BrowserOptions {
  /** Chromium's alone. */
  readonly chromiumArgs?: readonly string[];
  /** Firefox's alone. */
  readonly firefoxPrefs?: Readonly<Record<string, string | number | boolean>>;
}

/** Beyond what Playwright sets so that nothing asks, updates itself or calls home. */
export const FIREFOX_PREFS = {
  // Who is asked whether a site may keep its data agrees; nobody is there to be asked.
  "dom.storageManager.prompt.testing": true,
  "dom.storageManager.prompt.testing.allow": true,
  // Each tab of a site has a process of its own, which is started for it: what becomes of one becomes of no other.
  "dom.ipc.processCount.webIsolated": 64,
  "dom.ipc.processPrelaunch.enabled": false,
  // Asks a server at each start.
  "messaging-system.rsexperimentloader.enabled": false,
} as const;

/** Path of the browser; undefined when this machine has none. */
export function findTheBrowser(): string | undefined {
  return (
    (browserKind === "firefox" ? process.env.RIVULET_FIREFOX : process.env.RIVULET_CHROMIUM) || undefined
  );
}

/** What each of its contexts stores no other sees, and nothing outlives it. */
export function launchBrowser(options: BrowserOptions = {}): Promise<Browser> {
  return ofKind().launch(launchOptions(options));
}

/** A browser whose pages store in `directory`, which outlives it. */
export function openProfile(directory: string, options: BrowserOptions = {}): Promise<BrowserContext> {
  return ofKind().launchPersistentContext(directory, launchOptions(options));
}

function ofKind(): typeof chromium {
  return browserKind === "firefox" ? firefox : chromium;
}

function launchOptions({ chromiumArgs = [], firefoxPrefs = {} }: BrowserOptions): LaunchOptions {
  const found = findTheBrowser();
  if (found === undefined)
    throw new Error(`no ${browserKind} is named by RIVULET_${browserKind.toUpperCase()}`);
  if (browserKind === "chromium") return { executablePath: found, args: ["--no-sandbox", ...chromiumArgs] };
  const firefoxUserPrefs = { ...FIREFOX_PREFS, ...firefoxPrefs };
  return {
    executablePath: join(import.meta.dirname, "firefox.sh"),
    channel: "moz-firefox",
    firefoxUserPrefs,
  };
}

/** What Firefox itself notes beside what pages throw: nobody has thrown it, and Chromium has it in no event. */
const NOTED =
  /^Firefox can.t establish a connection|^The connection to .* was interrupted|^Loading Worker from .* was blocked/;

/** `hear` gets what nobody has caught in this page, or in its workers. */
export function onPageError(page: Page, hear: (error: Error) => void): void {
  page.on("pageerror", (error) => {
    if (browserKind === "chromium" || !NOTED.test(error.message)) hear(error);
  });
}
