/** Pages of one profile with the SDK in them, as an app has them in its tabs, in processes of their own. */
import type { BrowserContext, Page } from "playwright";
import type * as Sdk from "../../../web-client/index.ts";
import { openInProcess } from "../../tools/tab-process.ts";
import type { TabProcess } from "../../tools/tab-process.ts";
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
  readonly name: string;
  readonly process: TabProcess;

  private constructor(process: TabProcess, name: string) {
    this.process = process;
    this.name = name;
  }

  get page(): Page {
    return this.process.page;
  }

  /** Opens a page whose client is connected to `url`, and subscribes to `topic` from the start. */
  static async open(
    browser: SdkBrowser,
    context: BrowserContext,
    { url, topic, name }: { url: string; topic: string; name: string },
  ): Promise<TabPage> {
    const process = await openInProcess(() => browser.newPage(context));
    await process.page.evaluate(
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
    return new TabPage(process, name);
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
}
