/** The console's pages beside the tail: topics, settings, groups, this device; each at an address of its own. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { BrowserContext, Page } from "playwright";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { startTestGateway, type TestGateway } from "../gateway/start-gateway.ts";
import { describeWith } from "../tools/require-tool.ts";
import type { Rivulet } from "../../web-client/index.ts";
import { openBrowser, type TestBrowser } from "./console-browser.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

describeWith(["browser"], "the console's pages", () => {
  let browser: TestBrowser;
  let gateway: TestGateway;
  let context: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    gateway = await startTestGateway();
    context = await browser.newContext();
    page = await browser.newPage(context);
  });
  afterEach(async () => {
    await context.close();
    await gateway.stop();
    expect(browser.takeErrors()).toEqual([]);
  });

  const open = async (hash = ""): Promise<void> => {
    // Only another address than the one before would be gone to as a new page.
    await page.goto("about:blank");
    await page.goto(`http://127.0.0.1:${gateway.httpPort}/${hash}`);
    await page.locator(".connection", { hasText: "live" }).waitFor();
  };
  const cell = (row: string, text: string) =>
    page.getByRole("row").filter({ hasText: row }).getByRole("cell", { name: text, exact: true });

  /** A topic with these values, in its one partition. */
  const fill = (topic: string, values: readonly string[]): Promise<void> =>
    page.evaluate(
      async ([name, texts]) => {
        const { rivulet } = globalThis as unknown as { rivulet: Rivulet };
        const encoder = new TextEncoder();
        const sent = texts.map((value, at) =>
          rivulet.topic(name).publish({ key: `key-${at}`, value: encoder.encode(value) }),
        );
        await Promise.all(sent.map(({ delivered }) => delivered));
      },
      [topic, values] as const,
    );

  test("the first topic that is shown is an app's, not one of the log's own", async () => {
    await open();
    await fill("orders", ["one"]);
    await page.evaluate(async () => {
      const { rivulet } = globalThis as unknown as { rivulet: Rivulet };
      await rivulet.admin.alterGroupOffsets("billing", [{ topic: "orders", partition: 0, offset: 1n }]);
    });
    await open();
    await page.getByRole("heading", { name: "orders" }).waitFor();
    await page.waitForURL(/#topic=orders$/);
    const names = page.getByRole("navigation", { name: "Topics" }).locator(".topic-name");
    expect(await names.allTextContents()).toEqual(["orders", "__consumer_offsets"]);
  });

  test("a topic is made with settings, shows them, is changed, and is deleted only by its name", async () => {
    await open();
    await page.getByRole("button", { name: "Create one with settings" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("orders");
    await dialog.getByLabel("Partitions").fill("3");
    await dialog.getByLabel("Keeps").selectOption("a day");
    await dialog.getByRole("button", { name: "Create" }).click();
    await page.getByRole("heading", { name: "orders" }).waitFor();
    await page.getByRole("region").getByText("0 records · 3 partitions").waitFor();

    const tabs = page.getByRole("navigation", { name: "Parts of orders" });
    await tabs.getByText("settings").click();
    const setting = page.getByRole("row").filter({ has: page.getByText("retention.ms", { exact: true }) });
    await setting.getByText("86400000").waitFor();
    await setting.getByRole("button", { name: "Change retention.ms" }).click();
    await page.getByRole("textbox", { name: "retention.ms" }).fill("soon");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    await page.getByRole("textbox", { name: "retention.ms" }).fill("3600000");
    await page.keyboard.press("Enter");
    await setting.getByText("3600000").waitFor();
    await setting.getByRole("button", { name: "Take retention.ms back" }).click();
    await setting.getByText("604800000").waitFor();

    await tabs.getByText("partitions").click();
    await cell("2", "0 B").first().waitFor();
    await page.getByLabel("More partitions: in all").fill("4");
    await page.getByRole("button", { name: "Add" }).click();
    await page.getByRole("region").getByText("0 records · 4 partitions").waitFor();

    await tabs.getByText("settings").click();
    await page.getByRole("button", { name: "Delete the topic" }).click();
    const remove = dialog.getByRole("button", { name: "Delete the topic" });
    expect(await remove.isDisabled()).toBe(true);
    await dialog.getByRole("textbox").fill("orders");
    await remove.click();
    await page.getByText("None yet.").first().waitFor();
    expect(new URL(page.url()).hash).toBe("#topics");
  });

  test("records are found by key, value and time, and an address leads to an offset", async () => {
    await open();
    await fill("letters", ["to Ada", "to Bruno", "to Chen", "to ADA again"]);
    await open("#topic=letters");
    const values = (): Promise<string[]> => page.locator(".all-rows .text").allTextContents();
    await expect.poll(values).toHaveLength(4);
    const find = page.getByRole("searchbox", { name: "Find in keys and values" });
    await find.fill("ada");
    await expect.poll(values).toEqual(["to Ada", "to ADA again"]);
    await find.fill("key-2");
    await expect.poll(values).toEqual(["to Chen"]);
    // What comes later is looked at, too.
    await fill("letters", ["nothing", "nothing", "found as key-2"]);
    await expect.poll(values).toEqual(["to Chen", "found as key-2"]);
    await find.fill("");
    await expect.poll(values).toHaveLength(7);

    await page.getByLabel("Which records to show").selectOption("From a time");
    await page.getByLabel("Time to begin at").fill("2001-01-01T00:00:01");
    await expect.poll(values).toHaveLength(7);
    await page.getByLabel("Time to begin at").fill("2100-01-01T00:00:01");
    await expect.poll(values).toEqual([]);

    await open("#topic=letters&from=5");
    await expect.poll(values).toEqual(["nothing", "found as key-2"]);
  });

  test("groups show their offsets and lag, and one without members can be deleted", async () => {
    await open();
    await fill("orders", ["1", "2", "3"]);
    await page.evaluate(async () => {
      const { rivulet } = globalThis as unknown as { rivulet: Rivulet };
      await rivulet.admin.alterGroupOffsets("billing", [{ topic: "orders", partition: 0, offset: 1n }]);
    });
    await page.getByRole("button", { name: "Groups" }).click();
    await cell("billing", "Empty").waitFor();
    await cell("billing", "2").waitFor();
    await page.getByRole("button", { name: "billing" }).click();
    expect(new URL(page.url()).hash).toBe("#group=billing");
    await page.getByText("2 records not read yet").waitFor();
    await cell("orders", "nobody").waitFor();
    await page.getByRole("button", { name: "Delete the group" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete the group" }).click();
    await page.getByText("No consumer group yet.").waitFor();
    await page.goBack();
    await page.getByRole("alert").getByText("billing").waitFor();
  });

  test("this device says what it keeps, and the overview what there is", async () => {
    await open();
    await fill("orders", ["1", "2", "3"]);
    await open("#topic=orders");
    await page.getByRole("switch", { name: "Keep on this device" }).click();
    await page.getByText(/^3 held/).waitFor();
    await page.getByRole("button", { name: "This device", exact: true }).click();
    await cell("orders", "up to date").waitFor();
    await page.getByRole("meter", { name: "Storage in use" }).waitFor();
    await page.getByRole("button", { name: "Overview" }).click();
    await cell("orders", "7 days").waitFor();
    await page.getByRole("row").filter({ hasText: "orders" }).getByRole("button").click();
    expect(new URL(page.url()).hash).toBe("#topic=orders");
    await page.getByRole("navigation", { name: "Parts of orders" }).getByText("activity").click();
    await fill("orders", ["4"]);
    await page.getByRole("img", { name: /^Throughput: .* records a second now/ }).waitFor();
  });

  test.each(["light", "dark"] as const)(
    "in %s colours everybody can read every page (WCAG 2.2 AA)",
    async (colorScheme) => {
      await page.emulateMedia({ colorScheme });
      await open();
      await fill("orders", ['{"id":1}', "2"]);
      const pages = [
        "#topics",
        "#topic=orders",
        "#topic=orders&tab=partitions",
        "#topic=orders&tab=activity",
      ];
      for (const hash of [...pages, "#topic=orders&tab=settings", "#groups", "#device"]) {
        await open(hash);
        await page.locator("h2").first().waitFor();
        if (hash === "#topic=orders") await page.locator(".all-rows .row").first().click();
        await page.evaluate(axe);
        const { violations } = await page.evaluate(async (): Promise<AxeResults> => {
          const { axe: loaded } = globalThis as unknown as {
            axe: { run(options: object): Promise<AxeResults> };
          };
          return loaded.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] });
        });
        const told = violations.flatMap(({ id, nodes }) =>
          nodes.map(({ html }) => `${hash}: ${id}: ${html}`),
        );
        expect(told).toEqual([]);
      }
    },
  );
});
