/** The examples, as somebody who tries them: two people, one of whom goes offline. */
import type { BrowserContext, Page } from "playwright";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { serveExamples } from "../../web-client/examples/serve.mjs";
import { openBrowser, type TestBrowser } from "../console/console-browser.ts";
import { startTestGateway, type TestGateway } from "../gateway/start-gateway.ts";
import { describeWith } from "../tools/require-tool.ts";

describeWith(["browser"], "the examples", () => {
  let browser: TestBrowser;
  let gateway: TestGateway;
  let pages: Awaited<ReturnType<typeof serveExamples>>;
  const contexts: BrowserContext[] = [];

  beforeAll(async () => {
    pages = await serveExamples(0);
    gateway = await startTestGateway({ args: ["--allow-origin", pages.address] });
    browser = await openBrowser();
  });
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
    expect(browser.takeErrors()).toEqual([]);
  });
  afterAll(async () => {
    await browser.close();
    await pages.close();
    await gateway.stop();
  });

  /** The example on a device of its own. */
  async function open(example: string): Promise<Page> {
    const context = await browser.newContext();
    contexts.push(context);
    const page = await browser.newPage(context);
    await page.goto(`${pages.address}/${example}/?gateway=http://127.0.0.1:${gateway.httpPort}`);
    await page.getByRole("status").getByText("live").waitFor();
    return page;
  }

  test("chat: what is said offline is read by the others once there is a way, also after a reload", async () => {
    const [ada, bruno] = [await open("chat"), await open("chat")];
    const say = async (page: Page, from: string, text: string): Promise<void> => {
      await page.getByLabel("Your name").fill(from);
      await page.getByRole("textbox", { name: "Message" }).fill(text);
      await page.getByRole("button", { name: "Send" }).click();
    };
    const lines = (page: Page) => page.getByRole("listitem");
    await say(ada, "Ada", "hello");
    // The room is made by what is said first: only then has a device something to keep, which it does online.
    for (const page of [ada, bruno]) await lines(page).getByText("Ada: hello").waitFor();
    await ada.getByLabel("Offline").check();
    await ada.getByRole("status").getByText("offline").waitFor();
    await say(ada, "Ada", "said offline");
    await lines(ada).getByText("Ada: said offline").waitFor();
    await say(bruno, "Bruno", "are you there?");
    await lines(bruno).getByText("Bruno: are you there?").waitFor();
    expect(await lines(bruno).count()).toBe(2);

    await ada.reload();
    await lines(bruno).getByText("Ada: said offline").waitFor();
    await expect
      .poll(() => lines(ada).allTextContents())
      .toEqual(["Ada: hello", "Bruno: are you there?", "Ada: said offline"]);
    await expect.poll(() => ada.locator("[data-waiting]").count()).toBe(0);
  });

  test("shopping list: two people change it, one of them offline, and both see the same", async () => {
    const [ada, bruno] = [await open("shopping-list"), await open("shopping-list")];
    const add = async (page: Page, name: string): Promise<void> => {
      await page.getByLabel("New item").fill(name);
      await page.getByRole("button", { name: "Add" }).click();
      await page.getByLabel(name, { exact: true }).waitFor();
    };
    await add(ada, "Bread");
    await bruno.getByLabel("Bread", { exact: true }).waitFor();
    await bruno.getByLabel("Offline").check();
    await add(bruno, "Tea");
    await bruno.getByLabel("Bread", { exact: true }).check();
    await bruno.getByText("offline, 2 to send").waitFor();
    await add(ada, "Salt");
    await ada.getByRole("button", { name: "Remove Salt" }).click();
    expect(await ada.getByLabel("Tea", { exact: true }).count()).toBe(0);
    await bruno.getByLabel("Offline").uncheck();
    await ada.getByLabel("Tea", { exact: true }).waitFor();
    for (const page of [ada, bruno]) {
      await expect
        .poll(() => page.getByRole("listitem").allTextContents())
        .toEqual([" BreadRemove", " TeaRemove"]);
      await expect.poll(() => page.getByLabel("Bread", { exact: true }).isChecked()).toBe(true);
    }
  });

  test("live charts: what one device measures is drawn on another, a late one too", async () => {
    const ada = await open("live-charts");
    await ada.getByRole("button", { name: "Measure on this device" }).click();
    await ada.getByLabel("this device").waitFor();
    const bruno = await open("live-charts");
    await bruno.getByLabel("this device").waitFor();
  });
});
