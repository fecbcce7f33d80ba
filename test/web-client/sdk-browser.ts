/** The SDK from its sources in a real browser: a page server, a browser, and pages that have it as `sdk`. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright";
import { build, preview } from "vite";
import { launchBrowser, openProfile } from "../tools/browser.ts";
import type { BrowserOptions } from "../tools/browser.ts";

const PAGE = join(import.meta.dirname, "sdk-page");

export interface SdkBrowser {
  /** Where the pages come from: a gateway must be told to allow it. */
  readonly origin: string;
  /** A profile of its own: what one context's pages store, no other sees. */
  newContext(): Promise<BrowserContext>;
  /** A browser of its own, which stores in `directory`. The caller closes it. */
  openProfile(directory: string, options?: BrowserOptions): Promise<BrowserContext>;
  newPage(context: BrowserContext): Promise<Page>;
  close(): Promise<void>;
}

export async function startSdkBrowser(options: BrowserOptions = {}): Promise<SdkBrowser> {
  // Bundled once: a page and its worker would each ask for hundreds of modules, in every tab anew.
  const outDir = await mkdtemp(join(tmpdir(), "rivulet-sdk-page-"));
  const shared = { configFile: false, root: PAGE, logLevel: "error" } as const;
  await build({
    ...shared,
    worker: { format: "es" },
    build: {
      outDir,
      emptyOutDir: true,
      target: "es2022",
      assetsInlineLimit: 0,
      minify: false,
      reportCompressedSize: false,
    },
  });
  const server = await preview({
    ...shared,
    build: { outDir },
    preview: { host: "127.0.0.1", port: 0 },
  });
  const address = server.httpServer.address();
  if (address === null || typeof address === "string") throw new Error("the page server has no port");
  const origin = `http://127.0.0.1:${address.port}`;
  let browser: Promise<Browser> | undefined;
  return {
    origin,
    newContext: async () => (await (browser ??= launchBrowser(options))).newContext(),
    openProfile,
    async newPage(context) {
      const page = await context.newPage();
      await page.goto(origin);
      await page.waitForFunction(() => document.title === "ready");
      return page;
    },
    async close() {
      await (await browser)?.close();
      await server.close();
      await rm(outDir, { recursive: true, force: true });
    },
  };
}
