/** What a browser's profile keeps: through a reload and a `kill -9` of the whole browser; and what a private window has of it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrowserContext } from "playwright";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type * as Sdk from "../../../web-client/index.ts";
import { startTestGateway } from "../../gateway/start-gateway.ts";
import type { TestGateway } from "../../gateway/start-gateway.ts";
import { processesBelow } from "../../tools/processes.ts";
import { startSdkBrowser } from "../sdk-browser.ts";
import type { SdkBrowser } from "../sdk-browser.ts";
import { TabPage } from "./tab-pages.ts";

declare const page: { client: Sdk.Rivulet };

const TOPIC = "kept";
const ROUNDS = 3;

let browser: SdkBrowser;
let gateway: TestGateway;
let profile: string;
let context: BrowserContext | undefined;

beforeAll(async () => {
  browser = await startSdkBrowser();
}, 60_000);
afterAll(() => browser?.close());

beforeEach(async () => {
  profile = await mkdtemp(join(tmpdir(), "rivulet-profile-"));
  gateway = await startTestGateway({ args: ["--allow-origin", browser.origin] });
});
afterEach(async () => {
  await context?.close();
  await gateway.stop();
  await rm(profile, { recursive: true, force: true });
});

async function openTab(name: string): Promise<TabPage> {
  if (context === undefined) throw new Error("no browser has the profile open");
  return TabPage.open(browser, context, { url: `http://127.0.0.1:${gateway.httpPort}`, topic: TOPIC, name });
}

/** Ends every process of the browser that has this profile open; resolves when it is gone. */
async function killBrowser(): Promise<void> {
  const closed = new Promise((resolve) => context?.once("close", resolve));
  for (const { id, commandLine } of processesBelow())
    if (commandLine.some((word) => word.includes(profile))) process.kill(id, "SIGKILL");
  await closed;
}

async function outboxIsEmpty(tab: TabPage): Promise<void> {
  await tab.page.evaluate(async () => {
    const { outbox } = page.client;
    while (outbox.pending > 0)
      await new Promise((resolve) => outbox.addEventListener("change", resolve, { once: true }));
  });
}

test.each(["reloaded", "killed with its whole browser"])(
  `a page is %s in the middle of publishes, ${ROUNDS} times: what was queued is in the log, once`,
  async (death) => {
    context = await browser.openProfile(profile);
    const queued: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const tab = await openTab(`round-${round}`);
      const values = Array.from({ length: 100 }, (_, index) => `${tab.name} ${index}`);
      await tab.publish(TOPIC, tab.name, values);
      // By then some are on their way, and some not stored yet.
      await expect.poll(async () => Object.values(await tab.fates()).includes("queued")).toBe(true);
      const fates = await tab.fates();
      queued.push(...values.filter((value) => fates[value] !== "publishing"));
      if (death === "reloaded") {
        await tab.page.reload();
        await tab.page.close();
      } else {
        await killBrowser();
        context = await browser.openProfile(profile);
      }
    }
    const last = await openTab("last");
    await last.untilLive();
    await outboxIsEmpty(last);
    await last.publish(TOPIC, "end", ["the end"]);
    const values = async (): Promise<string[]> =>
      (await last.seen()).map((record) => record.slice(record.indexOf(" ") + 1));
    await expect.poll(values, { timeout: 60_000 }).toContain("the end");
    const inLog = await values();
    expect(new Set(inLog).size, "records in the log, each once").toBe(inLog.length);
    expect(queued.filter((value) => !inLog.includes(value))).toEqual([]);
    expect(queued.length).toBeGreaterThan(ROUNDS);
  },
);

test("private windows keep what is published from tab to tab, and nothing of it is left behind", async () => {
  const firefoxPrefs = { "browser.privatebrowsing.autostart": true };
  context = await browser.openProfile(profile, { firefoxPrefs });
  const [first, second] = [await openTab("first"), await openTab("second")];
  const about = (tab: TabPage) =>
    tab.page.evaluate(() => ({ storage: page.client.storage, runsIn: page.client.runsIn }));
  expect(await about(first)).toEqual({ storage: "indexeddb", runsIn: "worker" });
  await first.untilLive();
  await first.goOffline();
  await second.goOffline();
  await second.publish(TOPIC, "second", ["one", "two"]);
  await expect
    .poll(async () => Object.values(await second.fates()), { timeout: 30_000 })
    .toEqual(["queued", "queued"]);
  await second.page.close();
  await first.goOnline();
  await expect.poll(async () => (await first.seen()).length, { timeout: 60_000 }).toBe(2);
  await first.goOffline();
  await first.publish(TOPIC, "first", ["kept back"]);
  await expect.poll(async () => (await first.fates())["kept back"], { timeout: 30_000 }).toBe("queued");
  await context.close();
  // Said again, for a profile keeps its settings, too.
  context = await browser.openProfile(profile, {
    firefoxPrefs: { "browser.privatebrowsing.autostart": false },
  });
  const later = await openTab("later");
  await later.publish(TOPIC, "later", ["later"]);
  await expect.poll(async () => (await later.seen()).length, { timeout: 60_000 }).toBe(3);
  const values = (await later.seen()).map((record) => record.slice(record.indexOf(" ") + 1));
  expect(values.toSorted()).toEqual(["later", "one", "two"]);
});
