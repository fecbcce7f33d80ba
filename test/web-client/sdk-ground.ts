/** What tests of the SDK in a real browser stand on: a browser for all of a file, and for each test a gateway and a profile. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrowserContext, Page } from "playwright";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import type * as Sdk from "../../web-client/index.ts";
import { startTestGateway } from "../gateway/start-gateway.ts";
import type { TestGateway } from "../gateway/start-gateway.ts";
import { startSdkBrowser } from "./sdk-browser.ts";
import type { SdkBrowser } from "./sdk-browser.ts";

declare const sdk: typeof Sdk;

export class SdkGround {
  browser!: SdkBrowser;
  context!: BrowserContext;
  gateway!: TestGateway;
  dataDir!: string;
  private readonly args: readonly string[];

  /** `args` are the gateway's. */
  constructor(args: readonly string[]) {
    this.args = args;
  }

  async begin(): Promise<void> {
    this.dataDir = await newDirectory();
    await this.startGateway();
    this.context = await this.browser.newContext();
  }

  async end(): Promise<void> {
    await this.context.close();
    await this.gateway.stop();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  /** Where it was before: one that comes back must have been given its port the first time, too. */
  async startGateway(port?: number, args: readonly string[] = this.args): Promise<void> {
    const { dataDir, browser } = this;
    const origins = [browser.origin, browser.elsewhere].flatMap((origin) => ["--allow-origin", origin]);
    const all = ["--http-port", String(port ?? (await freePort())), ...origins, ...args];
    this.gateway = await startTestGateway({ dataDir, args: all });
  }

  /** What it has stored is gone. */
  async clearGateway(): Promise<void> {
    await rm(this.dataDir, { recursive: true, force: true });
    this.dataDir = await newDirectory();
  }

  /** Makes the page's `client`. */
  connect(page: Page, { offline = false }: { offline?: boolean } = {}): Promise<void> {
    return page.evaluate(
      async ({ url, offline }) => {
        (globalThis as unknown as { client: Sdk.Rivulet }).client = await sdk.connect({ url, offline });
      },
      { url: `http://127.0.0.1:${this.gateway.httpPort}`, offline },
    );
  }
}

/** For a test file, once. */
export function sdkGround(args: readonly string[] = []): SdkGround {
  const ground = new SdkGround(args);
  beforeAll(async () => {
    ground.browser = await startSdkBrowser();
  }, 60_000);
  afterAll(() => ground.browser?.close());
  beforeEach(() => ground.begin());
  afterEach(() => ground.end());
  return ground;
}

function newDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), "rivulet-sdk-"));
}

/** A port that is free now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
