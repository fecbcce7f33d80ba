/** The console page as a person uses it: a real Chromium on a real gateway, which goes away and comes back. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrowserContext, Page } from "playwright";
import type { Rivulet } from "../../web-client/index.ts";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { startGuardedGateway } from "../gateway/sign-in/issuer.ts";
import { startTestGateway, type TestGateway } from "../gateway/start-gateway.ts";
import { describeWith } from "../tools/require-tool.ts";
import { freePort } from "./free-port.ts";
import { openBrowser, type TestBrowser } from "./console-browser.ts";

/** What the tail shows at most. */
const TAIL_ROWS_MAX = 5_000;
/** So small that a test need not type much to be refused. */
const BATCH_BYTES_MAX = 20_000;

describeWith(["browser"], "the console page", () => {
  let browser: TestBrowser;
  let gateway: TestGateway;
  let dataDir: string;
  let httpPort: number;
  let context: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "rivulet-console-"));
    httpPort = await freePort();
    gateway = await start();
    context = await browser.newContext();
    page = await browser.newPage(context);
  });
  afterEach(async () => {
    await context.close();
    await gateway.stop();
    await rm(dataDir, { recursive: true, force: true });
    expect(browser.takeErrors()).toEqual([]);
  });

  // One port for all of a test: a gateway that comes back is found where it was.
  const start = (): Promise<TestGateway> =>
    startTestGateway({
      dataDir,
      args: ["--http-port", String(httpPort), "--config", `message.max.bytes=${BATCH_BYTES_MAX}`],
    });
  const address = (): string => `http://127.0.0.1:${httpPort}/`;
  const connection = (name: string) => page.locator(".connection", { hasText: name });
  const row = (text: string | RegExp) => page.getByRole("row").filter({ hasText: text });
  const chip = (text: string) => page.getByRole("log", { name: "Published here" }).getByText(text);
  const count = (id: "held-records" | "waiting-records", of: number) =>
    page
      .getByTestId(id)
      .and(page.getByText(String(of), { exact: true }))
      .waitFor();

  async function publish({
    topic,
    key = "",
    value,
  }: {
    topic?: string;
    key?: string;
    value: string;
  }): Promise<void> {
    if (topic !== undefined) await page.getByRole("combobox", { name: "Topic" }).fill(topic);
    await page.getByRole("textbox", { name: "Key" }).fill(key);
    await page.getByRole("textbox", { name: "Value" }).fill(value);
    await page.keyboard.press("Control+Enter");
  }

  test("an empty log says what to do next, and a first record makes a topic", async () => {
    await page.goto(address());
    await connection("live").waitFor();
    await page.getByRole("heading", { name: "No topics yet" }).waitFor();
    await page.getByText(`kcat -P -b 127.0.0.1:${gateway.kafkaPort} -t hello`).waitFor();

    await publish({ topic: "orders", key: "o-1", value: '{"id":12345678901234567890}' });
    await chip("delivered at 0/0").waitFor();
    await page.getByRole("button", { name: /^orders.*1 record/ }).waitFor();
    expect(new URL(page.url()).hash).toBe("#topic=orders");

    await row("o-1").click();
    const record = page.getByRole("complementary");
    await record.getByText('"id": 12345678901234567890').waitFor();
    await record.getByRole("button", { name: "Hex" }).click();
    await record.getByText("00000000  7b 22 69 64").waitFor();
  });

  test("what is published while the tab is switched off waits, and is delivered when it is switched on", async () => {
    await page.goto(address());
    await connection("live").waitFor();
    await publish({ topic: "orders", value: "first" });
    await row("first").waitFor();

    const offline = page.getByRole("switch", { name: "Offline" });
    await offline.click();
    await connection("offline").waitFor();
    await publish({ value: "second" });
    await chip("queued on this device").waitFor();
    await count("waiting-records", 1);
    await page.getByRole("button", { name: "Outbox: 1 waiting" }).click();
    await page.getByRole("dialog").getByText("second").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();

    // The switch and the outbox outlive a reload.
    await page.reload();
    await connection("offline").waitFor();
    await count("waiting-records", 1);

    await offline.click();
    await connection("live").waitFor();
    await count("waiting-records", 0);
    await row("second").waitFor();
  });

  test("a kept topic is read with the gateway gone, after the page was opened anew; what waits is delivered later", async () => {
    await page.goto(address());
    await connection("live").waitFor();
    for (const value of ["alpha", "beta", "gamma"]) {
      await publish({ topic: "letters", value });
      await row(value).waitFor();
    }
    await page.getByRole("switch", { name: "Keep on this device" }).click();
    await count("held-records", 3);
    // From here on the tail reads the replica.
    await page.getByText("from device").waitFor();
    for (const value of ["alpha", "beta", "gamma"]) await row(value).waitFor();
    await browser.pageIsKept(page);

    await gateway.stop();
    await connection("offline").waitFor();
    await page.close();
    page = await browser.newPage(context);
    await page.goto(address());
    await connection("offline").waitFor();
    await count("held-records", 3);
    await page.getByRole("button", { name: /^letters/ }).click();
    for (const value of ["alpha", "beta", "gamma"]) await row(value).waitFor();
    await publish({ value: "delta" });
    await count("waiting-records", 1);

    gateway = await start();
    await connection("live").waitFor();
    await count("waiting-records", 0);
    await row("delta").waitFor();
    await count("held-records", 4);
    browser.expectErrors(/ERR_CONNECTION_REFUSED|WebSocket connection/);
  });

  test("what waits can be read and discarded, and what the gateway refuses says why", async () => {
    await page.goto(address());
    await connection("live").waitFor();
    const outbox = (label: string) => page.getByRole("button", { name: label });
    const dialog = page.getByRole("dialog");
    const offline = page.getByRole("switch", { name: "Offline" });
    await offline.click();
    await publish({ topic: "orders", value: "kept" });
    await publish({ value: "thought better of" });
    await outbox("Outbox: 2 waiting").click();
    await dialog
      .getByRole("listitem")
      .filter({ hasText: "thought better of" })
      .getByRole("button", { name: "Discard" })
      .click();
    await dialog.getByText("thought better of").waitFor({ state: "detached" });
    await dialog.getByRole("button", { name: "Close" }).click();
    await offline.click();
    await row("kept").waitFor();
    expect(await row("thought better of").count()).toBe(0);

    await publish({ value: randomBytes(BATCH_BYTES_MAX).toString("base64") });
    await outbox("Outbox: 0 waiting · 1 to decide").click();
    await dialog.getByText(`max.message.bytes is ${BATCH_BYTES_MAX}`).waitFor();
    await dialog.getByRole("button", { name: "Discard" }).click();
    await dialog.getByText("Nothing waits.").waitFor();
  });

  test("letting go of a topic asks first, and deletes what this device held", async () => {
    await page.goto(address());
    await connection("live").waitFor();
    await publish({ topic: "letters", value: "alpha" });
    await row("alpha").waitFor();
    const keep = page.getByRole("switch", { name: "Keep on this device" });
    await keep.click();
    await count("held-records", 1);

    await keep.click();
    await page.getByRole("dialog").getByRole("button", { name: "Keep it" }).click();
    await count("held-records", 1);
    await keep.click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await count("held-records", 0);
    await row("alpha").waitFor();
    await page.reload();
    await connection("live").waitFor();
    await row("alpha").waitFor();
    await count("held-records", 0);
  });

  test("a paused tail stands still, counts what comes, and goes on where the log is", async () => {
    await page.goto(address());
    await connection("live").waitFor();
    await publish({ topic: "ticks", value: "before" });
    await row("before").waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await publish({ value: "meanwhile" });
    await page.getByRole("button", { name: "1 new record" }).waitFor();
    expect(await row("meanwhile").count()).toBe(0);
    await page.getByRole("button", { name: "Resume" }).click();
    await row("meanwhile").waitFor();
  });

  test("an older part of a log is read page by page, and the keyboard goes from record to record", async () => {
    await page.goto(address());
    await connection("live").waitFor();
    const records = TAIL_ROWS_MAX + 100;
    await page.evaluate(async (count) => {
      const { rivulet } = globalThis as unknown as { rivulet: Rivulet };
      const topic = rivulet.topic("numbers", { value: { encode: encodeText, decode: () => "" } });
      const sent = Array.from(
        { length: count },
        (_, at) => topic.publish({ value: `number ${at}` }).delivered,
      );
      await Promise.all(sent);
      function encodeText(text: string): Uint8Array {
        return new TextEncoder().encode(text);
      }
    }, records);
    await page.getByRole("button", { name: /^numbers.*5,100 records/ }).click();
    await row(`number ${records - 1}`).waitFor();

    const which = page.getByRole("combobox", { name: "Which records to show" });
    await which.selectOption("From the beginning");
    await row(/number 0$/).waitFor();
    await page.getByRole("button", { name: "Show the records after these" }).click();
    await row(`number ${TAIL_ROWS_MAX}`).waitFor();

    await which.selectOption("From an offset");
    await page.getByRole("textbox", { name: "Offset to begin at" }).fill("4242");
    await page.keyboard.press("Enter");
    await row("number 4242").waitFor();
    await page.getByRole("grid").focus();
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowDown");
    await page.getByRole("heading", { name: "Record 0/4243" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("complementary").waitFor({ state: "detached" });
  });

  test("on a phone each part has the screen for itself, and nothing reaches beyond it", async () => {
    await page.setViewportSize({ width: 360, height: 640 });
    await page.goto(address());
    await connection("live").waitFor();
    const part = (name: string) =>
      page.getByRole("navigation", { name: "Parts of the page" }).getByText(name);
    const fits = async (): Promise<void> =>
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    await fits();
    await part("Publish").click();
    await publish({
      topic: "a-topic-with-a-name-longer-than-the-screen-is-wide-0123456789",
      value: "y".repeat(900),
    });
    await chip("delivered at 0/0").waitFor();
    await fits();
    await part("Topics").click();
    await fits();
    await part("Records").click();
    await row("yyy").click();
    await page.getByRole("heading", { name: "Record 0/0" }).waitFor();
    await fits();
  });

  test("a gateway that asks for a token: the page says so, and signs in with one that is pasted, and out again", async () => {
    const guarded = await startGuardedGateway();
    try {
      await page.goto(`http://127.0.0.1:${guarded.httpPort}/`);
      await connection("signed out").waitFor();
      const signInWith = async (token: string): Promise<void> => {
        await page.getByRole("button", { name: "Sign in" }).click();
        await page.getByLabel("Token (a JWT)").fill(token);
        await page.getByRole("dialog").getByRole("button", { name: "Sign in" }).click();
      };
      await signInWith(await guarded.issuer.token("ada", { expiresIn: -100 }));
      await connection("it has expired").waitFor();
      await signInWith(await guarded.issuer.token("ada"));
      await connection("live").waitFor();
      await publish({ topic: "letters", value: "from ada" });
      await chip("delivered at 0/0").waitFor();
      await row("from ada").waitFor();
      await page.reload();
      await connection("live").waitFor();
      expect(page.url()).not.toContain("eyJ");
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Sign out" }).click();
      await connection("signed out").waitFor();
      await row("from ada").waitFor({ state: "detached" });
    } finally {
      // A page that is still there would report that its gateway is not.
      await page.goto("about:blank");
      await guarded.stop();
    }
  });
});
