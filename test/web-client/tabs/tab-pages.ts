/** Pages of one profile with the SDK in them, as an app has them in its tabs, in processes of their own. */
import { createServer } from "node:http";
import type { BrowserContext, CDPSession, Page } from "playwright";
import type * as Sdk from "../../../web-client/index.ts";
import type { SdkBrowser } from "../sdk-browser.ts";

declare const sdk: typeof Sdk;

/** What each page has. */
export interface TabGlobals {
  client: Sdk.Rivulet;
  /** Values of records as `subscribe` gave them, `<partition>/<offset> <value>`. */
  seen: string[];
  /** What became of each record that was published here, by its value. */
  fates: Record<string, "publishing" | "queued" | "delivered" | "failed">;
}

declare const page: TabGlobals;

export class TabPage {
  readonly page: Page;
  readonly name: string;
  private readonly session: CDPSession;
  private frozen: Promise<void> = Promise.resolve();
  private wakeUp: () => void = () => undefined;

  private constructor(page: Page, session: CDPSession, name: string) {
    this.page = page;
    this.session = session;
    this.name = name;
  }

  /** Opens a page whose client is connected to `url`, and subscribes to `topic` from the start. */
  static async open(
    browser: SdkBrowser,
    context: BrowserContext,
    { url, topic, name }: { url: string; topic: string; name: string },
  ): Promise<TabPage> {
    const opened = await browser.newPage(context);
    await opened.evaluate(
      async ({ url, topic }) => {
        const globals: TabGlobals = { client: await sdk.connect({ url }), seen: [], fates: {} };
        (globalThis as unknown as { page: TabGlobals }).page = globals;
        void (async () => {
          const records = globals.client.topic(topic, { value: sdk.text() }).subscribe({ from: "earliest" });
          for await (const { partition, offset, value } of records)
            globals.seen.push(`${partition}/${offset} ${value}`);
        })();
      },
      { url, topic },
    );
    return new TabPage(opened, await context.newCDPSession(opened), name);
  }

  /** Publishes values under one key, without waiting. */
  publish(topic: string, key: string, values: readonly string[]): Promise<void> {
    return this.page.evaluate(
      ({ topic, key, values }) => {
        const target = page.client.topic(topic, { value: sdk.text() });
        for (const value of values) {
          page.fates[value] = "publishing";
          const { queued, delivered } = target.publish({ key, value });
          const become = (fate: "queued" | "delivered" | "failed") => (): void => {
            if (page.fates[value] !== "delivered") page.fates[value] = fate;
          };
          queued.then(become("queued"), become("failed"));
          delivered.then(become("delivered"), become("failed"));
        }
      },
      { topic, key, values: [...values] },
    );
  }

  fates(): Promise<TabGlobals["fates"]> {
    return this.page.evaluate(() => page.fates);
  }

  seen(): Promise<string[]> {
    return this.page.evaluate(() => page.seen);
  }

  state(): Promise<string> {
    return this.page.evaluate(() => page.client.state.name);
  }

  goOffline(): Promise<void> {
    return this.page.evaluate(() => page.client.goOffline());
  }

  goOnline(): Promise<void> {
    return this.page.evaluate(() => page.client.goOnline());
  }

  async untilLive(): Promise<void> {
    // By its events: a page in the background is drawn by nobody, and polled by no frame.
    await this.page.evaluate(async () => {
      while (page.client.state.name !== "live")
        await new Promise((resolve) => page.client.addEventListener("state", resolve, { once: true }));
    });
  }

  /** Milliseconds until a record that is published now is in the log, by this page's own clock. */
  timeToDeliver(topic: string, value: string): Promise<number> {
    return this.page.evaluate(
      async ({ topic, value }) => {
        const begun = performance.now();
        await page.client.topic(topic, { value: sdk.text() }).publish({ key: "timed", value }).delivered;
        return performance.now() - begun;
      },
      { topic, value },
    );
  }

  /** The renderer dies; resolves when it has. */
  async crash(): Promise<void> {
    const crashed = new Promise((resolve) => this.page.once("crash", resolve));
    // It cannot answer any more.
    this.session.send("Page.crash").catch(() => undefined);
    await crashed;
  }

  /** Its client stands still, as that of a frozen tab does, with the worker that it lives in; resolves when it does. */
  async freeze(): Promise<void> {
    const [worker] = this.page.workers();
    if (worker === undefined) throw new Error("the client of this page does not live in a worker");
    const gate = await openGate();
    this.wakeUp = gate.open;
    // A worker that waits for an answer in this way does nothing else.
    this.frozen = worker.evaluate((url) => {
      const request = new XMLHttpRequest();
      request.open("GET", url, false);
      request.send();
    }, gate.url);
    await gate.arrived;
  }

  async wake(): Promise<void> {
    this.wakeUp();
    await this.frozen;
  }
}

/** A server that lets whoever asks wait until the gate is opened. */
async function openGate(): Promise<{ url: string; arrived: Promise<void>; open: () => void }> {
  let open = (): void => undefined;
  let arrive = (): void => undefined;
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  const server = createServer((_request, response) => {
    open = () => {
      response.writeHead(200, { "access-control-allow-origin": "*", connection: "close" }).end();
      server.close();
    };
    arrive();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the gate has no port");
  return { url: `http://127.0.0.1:${address.port}/`, arrived, open: () => open() };
}
