/** The SDK from its sources in a real Chromium: a page server, a browser, and pages that have it as `sdk`. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright";
import type { BrowserContext, Page } from "playwright";
import { createServer } from "vite";

const repository = join(import.meta.dirname, "../..");

const PAGE = `<!doctype html><title>sdk</title><script type="module">
  import * as sdk from "/web-client/index.ts";
  globalThis.sdk = sdk;
  document.title = "ready";
</script>`;

export interface SdkBrowser {
  /** Where the pages come from: a gateway must be told to allow it. */
  readonly origin: string;
  /** A profile of its own: what one context's pages store, no other sees. */
  newContext(): Promise<BrowserContext>;
  newPage(context: BrowserContext): Promise<Page>;
  close(): Promise<void>;
}

/** `args`: further ones of the browser. */
export async function startSdkBrowser(args: readonly string[] = []): Promise<SdkBrowser> {
  const cacheDir = await mkdtemp(join(tmpdir(), "rivulet-vite-"));
  const server = await createServer({
    configFile: false,
    root: repository,
    cacheDir,
    logLevel: "error",
    appType: "custom",
    server: { host: "127.0.0.1", port: 0, hmr: false, ws: false, watch: null },
    optimizeDeps: { include: ["idb"] },
  });
  server.middlewares.use("/sdk.html", (_request, response) => {
    response.setHeader("content-type", "text/html");
    response.end(PAGE);
  });
  await server.listen();
  const address = server.httpServer?.address();
  if (address === null || address === undefined || typeof address === "string")
    throw new Error("the page server has no port");
  const origin = `http://127.0.0.1:${address.port}`;
  const browser = await chromium.launch({
    executablePath: process.env.RIVULET_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", ...args],
  });
  return {
    origin,
    newContext: () => browser.newContext(),
    async newPage(context) {
      const page = await context.newPage();
      await page.goto(`${origin}/sdk.html`);
      await page.waitForFunction(() => document.title === "ready");
      return page;
    },
    async close() {
      await browser.close();
      await server.close();
      await rm(cacheDir, { recursive: true, force: true });
    },
  };
}
