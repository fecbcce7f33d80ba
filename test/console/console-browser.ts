/** A browser for tests of the console: every error that a page logs is kept, and must be taken. */
import type { BrowserContext, Page } from "playwright";
import { expect } from "vitest";
import { launchBrowser, onPageError } from "../tools/browser.ts";

/** What cannot be had within this time has not come. */
const WAIT_MS = 10_000;

export interface TestBrowser {
  /** A device of its own: nothing is stored yet. */
  newContext(): Promise<BrowserContext>;
  newPage(context: BrowserContext): Promise<Page>;
  /** Resolves when the service worker holds the page and its files. */
  pageIsKept(page: Page): Promise<void>;
  /** Errors of this form belong to the test: they are not among those that `takeErrors` gives. */
  expectErrors(form: RegExp): void;
  /** What the pages have logged as errors, thrown, or been refused by their policy, since this was last asked. */
  takeErrors(): string[];
  close(): Promise<void>;
}

export async function openBrowser(): Promise<TestBrowser> {
  const browser = await launchBrowser();
  let errors: string[] = [];
  return {
    async newContext() {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
      context.setDefaultTimeout(WAIT_MS);
      return context;
    },
    async newPage(context) {
      const page = await context.newPage();
      onPageError(page, (error) => errors.push(String(error)));
      page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
      return page;
    },
    async pageIsKept(page) {
      await page.evaluate(() => navigator.serviceWorker.ready);
      const kept = await page.evaluate(async () => {
        const names = await caches.keys();
        const caches_ = await Promise.all(names.map((name) => caches.open(name)));
        const requests = await Promise.all(caches_.map((cache) => cache.keys()));
        return requests.flat().map(({ url }) => new URL(url).pathname);
      });
      // Nothing of the log, its health or another origin is ever kept by it.
      expect(kept.filter((path) => path !== "/" && !path.startsWith("/assets/"))).toEqual([]);
      expect(kept).toContain("/");
      expect(kept.some((path) => path.endsWith(".wasm"))).toBe(true);
    },
    expectErrors(form) {
      errors = errors.filter((error) => !form.test(error));
    },
    takeErrors() {
      const taken = errors;
      errors = [];
      return taken;
    },
    close: () => browser.close(),
  };
}
