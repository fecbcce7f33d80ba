/** The SDK from its sources in a real browser: a page server, a browser, and pages that have it as `sdk`. */
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright";
import { build, preview } from "vite";
import { launchBrowser, openProfile } from "../tools/browser.ts";
import type { BrowserOptions } from "../tools/browser.ts";

const PAGE = join(import.meta.dirname, "sdk-page");

export interface SdkPageOptions {
  /** What the page's server sends as its Content-Security-Policy. */
  readonly policy?: string;
  /** The page is of another origin than the SDK, as with a CDN. */
  readonly isElsewhere?: boolean;
}

export interface SdkBrowser {
  /** Where the pages come from: a gateway must be told to allow it. */
  readonly origin: string;
  /** Where pages come from that have the SDK from there. */
  readonly elsewhere: string;
  /** A profile of its own: what one context's pages store, no other sees. */
  newContext(): Promise<BrowserContext>;
  /** A browser of its own, which stores in `directory`. The caller closes it. */
  openProfile(directory: string, options?: BrowserOptions): Promise<BrowserContext>;
  newPage(context: BrowserContext, options?: SdkPageOptions): Promise<Page>;
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
    plugins: [
      {
        name: "policy-of-a-page",
        configurePreviewServer: ({ middlewares }) =>
          void middlewares.use((request: IncomingMessage, response: ServerResponse, next: () => void) => {
            setPolicy(request, response);
            next();
          }),
      },
    ],
  });
  const address = server.httpServer.address();
  if (address === null || typeof address === "string") throw new Error("the page server has no port");
  const origin = `http://127.0.0.1:${address.port}`;
  const html = (await readFile(join(outDir, "index.html"), "utf8")).replaceAll('="/', `="${origin}/`);
  const pageServer = createServer((request, response) => {
    setPolicy(request, response);
    response.setHeader("content-type", "text/html").end(html);
  }).listen(0, "127.0.0.1");
  await once(pageServer, "listening");
  const pageAddress = pageServer.address();
  if (pageAddress === null || typeof pageAddress === "string")
    throw new Error("the other server has no port");
  const elsewhere = `http://127.0.0.1:${pageAddress.port}`;
  let browser: Promise<Browser> | undefined;
  return {
    origin,
    elsewhere,
    newContext: async () => (await (browser ??= launchBrowser(options))).newContext(),
    openProfile,
    async newPage(context, { policy, isElsewhere } = {}) {
      const page = await context.newPage();
      const query = policy === undefined ? "" : `?policy=${encodeURIComponent(policy)}`;
      await page.goto(`${isElsewhere === true ? elsewhere : origin}/${query}`);
      await page.waitForFunction(() => document.title === "ready");
      return page;
    },
    async close() {
      await (await browser)?.close();
      pageServer.closeAllConnections();
      pageServer.close();
      await server.close();
      await rm(outDir, { recursive: true, force: true });
    },
  };
}

/** Of a page: what it loads is asked for without. */
function setPolicy({ url }: IncomingMessage, response: ServerResponse): void {
  const policy = new URL(url ?? "", "http://page").searchParams.get("policy");
  if (policy !== null) response.setHeader("content-security-policy", policy);
}
