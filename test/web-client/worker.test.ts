/** The worker that a client lives in, in a real Chromium: it may end, and a page's policy or origin may keep it from starting. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrowserContext, Page } from "playwright";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type * as Sdk from "../../web-client/index.ts";
import { startTestGateway } from "../gateway/start-gateway.ts";
import type { TestGateway } from "../gateway/start-gateway.ts";
import { startSdkBrowser } from "./sdk-browser.ts";
import type { SdkBrowser, SdkPageOptions } from "./sdk-browser.ts";

declare const sdk: typeof Sdk;
declare let client: Sdk.Rivulet;

let browser: SdkBrowser;
let gateway: TestGateway;
let context: BrowserContext;
let dataDir: string;

beforeAll(async () => {
  browser = await startSdkBrowser();
}, 60_000);
afterAll(() => browser?.close());

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "rivulet-worker-"));
  const args = [browser.origin, browser.elsewhere].flatMap((origin) => ["--allow-origin", origin]);
  gateway = await startTestGateway({ dataDir, args });
  context = await browser.newContext();
});
afterEach(async () => {
  await context.close();
  await gateway.stop();
  await rm(dataDir, { recursive: true, force: true });
});

/** A page with a client, and what it has said. */
async function openPage(options: SdkPageOptions & { offline?: boolean } = {}): Promise<Page> {
  const page = await browser.newPage(context, options);
  await connect(page, options.offline ?? false);
  return page;
}

function connect(page: Page, offline: boolean): Promise<void> {
  return page.evaluate(
    async ({ url, offline }) => {
      (globalThis as unknown as { client: Sdk.Rivulet }).client = await sdk.connect({ url, offline });
    },
    { url: `http://127.0.0.1:${gateway.httpPort}`, offline },
  );
}

test("a worker that ends by itself is noticed: what is under way fails and says why, and what was queued is delivered once", async () => {
  const page = await openPage({ offline: true });
  await page.evaluate(async () => {
    const globals = globalThis as unknown as { ends: Promise<string>[] };
    const notes = client.topic("notes", { value: sdk.text() });
    const why = (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => "it went on",
        (error: unknown) => String(error),
      );
    const { queued, delivered } = notes.publish({ key: "k", value: "kept" });
    await queued;
    const read = async (): Promise<void> => {
      for await (const record of notes.subscribe({ from: "earliest" }))
        throw new Error(`read ${record.value}`);
    };
    globals.ends = [delivered, notes.replicate(), read(), client.group("g").subscribe(["notes"]).next()].map(
      why,
    );
  });
  const [worker] = page.workers();
  await worker?.evaluate(() => void setTimeout(() => globalThis.close()));
  const told = await page.evaluate(async () => {
    const { ends } = globalThis as unknown as { ends: Promise<string>[] };
    const states: Sdk.ConnectionState[] = [];
    for await (const state of client.states()) states.push(state);
    const later = await client.topics().catch((error: unknown) => String(error));
    await client.close();
    return { ends: await Promise.all(ends), last: states.at(-1), later };
  });
  expect(told.last).toEqual({
    name: "closed",
    reason: expect.stringContaining("worker has ended") as string,
  });
  expect(told.ends).toHaveLength(4);
  for (const each of [...told.ends, told.later]) expect(each).toContain("its worker has ended");
  await connect(page, false);
  const values = await page.evaluate(async () => {
    const seen: unknown[] = [];
    const notes = client.topic("notes", { value: sdk.text() });
    await notes.publish({ key: "k", value: "next" }).delivered;
    for await (const { value } of notes.subscribe({ from: "earliest", until: "end" })) seen.push(value);
    return seen;
  });
  expect(values).toEqual(["kept", "next"]);
});

test("an error that nobody catches in the worker ends nothing", async () => {
  const page = await openPage();
  const [worker] = page.workers();
  await worker?.evaluate(
    () =>
      void setTimeout(() => {
        throw new Error("nobody's");
      }),
  );
  const { offset } = await page.evaluate(async () => {
    const position = await client.topic("notes", { value: sdk.text() }).publish({ value: "one" }).delivered;
    return { offset: String(position.offset) };
  });
  expect(offset).toBe("0");
});

test("a client that ends by itself ends its worker, too: another version of the page wants its store", async () => {
  const page = await openPage();
  const closed = page.evaluate(async () => {
    for await (const { name, reason } of client.states()) if (name === "closed") return reason;
    return undefined;
  });
  const gone = new Promise((resolve) => page.workers()[0]?.once("close", resolve));
  await page.evaluate(async () => {
    const [{ name = "", version = 0 } = {}] = (await indexedDB.databases()).filter((each) =>
      each.name?.includes("/account/"),
    );
    await new Promise((resolve) => {
      indexedDB.open(name, version + 1).onsuccess = resolve;
    });
  });
  expect(await closed).toContain("newer version");
  await gone;
});

const NO_WORKER = "worker-src 'none'";
const SCRIPTS = "script-src * 'unsafe-inline'";

test.each<{ what: string; options: SdkPageOptions; runsIn: "worker" | "page" }>([
  { what: "the SDK comes from another origin", options: { isElsewhere: true }, runsIn: "worker" },
  {
    what: "the SDK comes from another origin, and the policy lets no worker be made of text",
    options: { isElsewhere: true, policy: "worker-src 'self'" },
    runsIn: "page",
  },
  { what: "the policy allows no workers", options: { policy: NO_WORKER }, runsIn: "page" },
  {
    what: "the policy of the page allows no WebAssembly, which is not the worker's",
    options: { policy: SCRIPTS },
    runsIn: "worker",
  },
])(
  "$what: the client runs in the $runsIn, and the console says why if that is the page",
  async ({ options, runsIn }) => {
    const said: string[] = [];
    context.on("console", (message) => said.push(message.text()));
    const page = await openPage(options);
    const used = await page.evaluate(async () => {
      const notes = client.topic("notes", { value: sdk.text() });
      await notes.publish({ value: "one" }).delivered;
      for await (const { value } of notes.subscribe({ from: "earliest" }))
        return { value, runsIn: client.runsIn, storage: client.storage };
      return undefined;
    });
    expect(used).toEqual({ value: "one", runsIn, storage: "indexeddb" });
    expect(said.some((each) => each.includes("runs in the page"))).toBe(runsIn === "page");
  },
);

test("where nothing may compile WebAssembly, connect() rejects and says which policy is in the way", async () => {
  const page = await browser.newPage(context, { policy: `${NO_WORKER}; ${SCRIPTS}` });
  await expect(connect(page, false)).rejects.toThrow("wasm-unsafe-eval");
});

test("where the policy does not let the page reach the gateway, it is offline with a reason, and what is published waits", async () => {
  const page = await openPage({ policy: `${NO_WORKER}; connect-src 'self'` });
  const state = await page.evaluate(async () => {
    await client.topic("notes", { value: sdk.text() }).publish({ value: "one" }).queued;
    for await (const { name, reason } of client.states())
      if (name === "offline") return { name, reason, pending: client.outbox.pending };
    return undefined;
  });
  expect(state).toEqual({
    name: "offline",
    reason: expect.stringContaining("connect-src") as string,
    pending: 1,
  });
});
