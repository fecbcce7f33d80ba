/** The worker that a client lives in, in a real Chromium: it may end, and a page's policy or origin may keep it from starting. */
import type { Page, Worker } from "playwright";
import { expect, test } from "vitest";
import { deferred } from "../../sync/wait.ts";
import type * as Sdk from "../../web-client/index.ts";
import type { SdkPageOptions } from "./sdk-browser.ts";
import { sdkGround } from "./sdk-ground.ts";

declare const sdk: typeof Sdk;
declare let client: Sdk.Rivulet;

const ground = sdkGround();

/** Of the worker. */
const SCRIPT = /\/worker[^/]*\.js/;

/** A page with a client. */
async function openPage(options: SdkPageOptions & { offline?: boolean } = {}): Promise<Page> {
  const page = await ground.browser.newPage(ground.context, options);
  await ground.connect(page, options);
  return page;
}

/** The browser ends the worker; the page hears of it a second later. */
async function endWorker(page: Page): Promise<void> {
  const [worker] = page.workers();
  const gone = new Promise((resolve) => worker?.once("close", resolve));
  await worker?.evaluate(() => void setTimeout(() => globalThis.close()));
  await gone;
}

test("a worker that ends by itself is replaced: what was under way says so, what was queued is delivered once, handles and subscriptions go on", async () => {
  const page = await openPage();
  await page.evaluate(async () => {
    const notes = client.topic("notes", { value: sdk.text() });
    await notes.publish({ key: "k", value: "before" }).delivered;
    const replica = await notes.replicate();
    await replica.caughtUp();
    client.goOffline();
    const { queued, delivered } = notes.publish({ key: "k", value: "kept" });
    await queued;
    const why = (work: Promise<unknown>): Promise<string> => work.then(() => "it went on", String);
    const read = async (): Promise<void> => {
      for await (const record of replica.follow({ last: 0 })) throw new Error(`read ${record.value}`);
    };
    const states: Sdk.ConnectionState[] = [];
    client.addEventListener("state", ({ state }) => states.push(state));
    const ends = [read(), client.group("g").subscribe(["notes"]).next()].map(why);
    const live: (string | null)[] = [];
    void (async () => {
      for await (const { value } of notes.subscribe({ from: "earliest" })) live.push(value);
    })();
    Object.assign(globalThis, { notes, replica, delivered, ends, states, live });
  });
  await endWorker(page);
  const told = await page.evaluate(async () => {
    const { notes, replica, delivered, ends, states, live } = globalThis as unknown as {
      notes: Sdk.Topic<string>;
      replica: Sdk.Replica<string>;
      delivered: Promise<Sdk.Position>;
      ends: Promise<string>[];
      states: Sdk.ConnectionState[];
      live: (string | null)[];
    };
    const under = await Promise.all(ends);
    const { pending } = client.outbox;
    const whileAway = notes.publish({ key: "k", value: "meanwhile" });
    await whileAway.queued;
    const isStillOffline = client.state.name;
    client.goOnline();
    const { offset } = await delivered;
    await whileAway.delivered;
    await notes.publish({ key: "k", value: "after" }).delivered;
    const seen: unknown[] = [];
    for await (const { value } of notes.subscribe({ from: "earliest", until: "end" })) seen.push(value);
    const followed: unknown[] = [];
    for await (const { value } of replica.follow()) if (followed.push(value) === 4) break;
    for await (const { missingRecords, partitions } of replica.progress())
      if (missingRecords === 0n && partitions.every(({ state }) => state === "live")) break;
    await replica.close();
    while (live.length < 4) await new Promise((resolve) => setTimeout(resolve, 20));
    return { under, pending, isStillOffline, offset: String(offset), seen, followed, states, live };
  });
  for (const each of told.under) {
    expect(each).toContain("its worker has ended");
    expect(each).toContain("is not known");
  }
  expect([told.pending, told.isStillOffline, told.offset]).toEqual([1, "offline", "1"]);
  expect(told.seen).toEqual(["before", "kept", "meanwhile", "after"]);
  expect(told.followed).toEqual(told.seen);
  expect(told.live).toEqual(told.seen);
  // The app has switched it off: it stays so, whatever the worker does.
  expect(told.states.map(({ name }) => name)).toEqual(["connecting", "live"]);
  expect(page.workers()).toHaveLength(1);
  await page.evaluate(() => client.close());
});

test("a worker that ends while it is connected: the state says so, and is live again", async () => {
  const page = await openPage();
  await page.evaluate(async () => {
    const states: Sdk.ConnectionState[] = [];
    Object.assign(globalThis, { states });
    void (async () => {
      for await (const state of client.states()) states.push(state);
    })();
    for await (const { name } of client.states()) if (name === "live") break;
    states.splice(0);
  });
  await endWorker(page);
  const states = await page.evaluate(async () => {
    const { states } = globalThis as unknown as { states: Sdk.ConnectionState[] };
    // The page hears of it a second later.
    for await (const { name } of client.states()) if (name === "connecting" || states.length > 0) break;
    await client.topic("notes", { value: sdk.text() }).publish({ value: "one" }).delivered;
    await client.close();
    return states;
  });
  expect(states[0]).toEqual({
    name: "connecting",
    reason: "its worker has ended; another one is started",
  });
  expect(states.map(({ name }) => name).slice(-2)).toEqual(["live", "closed"]);
});

test("workers that end again and again are not started for ever: the client is closed, says what to do, and what was queued stays", async () => {
  const page = await openPage({ offline: true });
  await page.evaluate(async () => {
    await client.topic("notes", { value: sdk.text() }).publish({ value: "kept" }).queued;
    // The shortest of all waits.
    Math.random = () => 0;
  });
  let started = 0;
  const end = (worker: Worker): void => {
    started += 1;
    // As soon as there is a client in it.
    void worker
      .evaluate(async () => {
        for (;;) {
          const { held = [] } = await navigator.locks.query();
          if (held.some(({ name }) => name?.endsWith("/leader") === true)) return globalThis.close();
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      })
      .catch(() => undefined);
  };
  page.on("worker", end);
  const closed = page.evaluate(async () => {
    for await (const { name, reason } of client.states()) if (name === "closed") return reason;
    return undefined;
  });
  await endWorker(page);
  expect(await closed).toMatch(/its worker has ended.*reload the page/);
  expect(started).toBe(8);
  const error = await page.evaluate(() => client.topics().catch(String));
  expect(error).toContain("what its outbox has stored stays on this device");
  page.off("worker", end);
  await page.reload();
  await page.waitForFunction(() => document.title === "ready");
  await ground.connect(page);
  const values = await page.evaluate(async () => {
    const notes = client.topic("notes", { value: sdk.text() });
    await notes.publish({ value: "next" }).delivered;
    const seen: unknown[] = [];
    for await (const { value } of notes.subscribe({ from: "earliest", until: "end" })) seen.push(value);
    return seen;
  });
  expect(values).toEqual(["kept", "next"]);
});

test("a client that is closed while it has no worker is closed at once, and none is left behind", async () => {
  const page = await openPage();
  await page.evaluate(() => {
    // None comes up any more, and what is waited for takes its time.
    (globalThis as { Worker: unknown }).Worker = class {
      constructor() {
        throw new Error("none today");
      }
    };
    Math.random = () => 0.99;
  });
  await endWorker(page);
  const told = await page.evaluate(async () => {
    for await (const { reason } of client.states()) if (reason !== undefined) break;
    const waiting = client.topics().catch(String);
    await client.close();
    return { state: client.state, waiting: await waiting };
  });
  expect(told).toEqual({
    state: { name: "closed", reason: "closed by the app" },
    waiting: expect.stringContaining("closed by the app") as string,
  });
  expect(page.workers()).toHaveLength(0);
});

test("a client that is closed while another worker is fetched leaves none behind", async () => {
  const page = await openPage();
  const [asked, closed] = [deferred<void>(), deferred<void>()];
  await page.route(SCRIPT, async (route) => {
    asked.resolve();
    await closed.promise;
    // Nobody may wait for it any more.
    await route.continue().catch(() => undefined);
  });
  await endWorker(page);
  await asked.promise;
  await page.evaluate(() => client.close());
  closed.resolve();
  await page.unrouteAll({ behavior: "wait" });
  const locks = await page.evaluate(async () => (await navigator.locks.query()).held);
  expect([page.workers(), locks]).toEqual([[], []]);
});

test("a worker that ends while the browser is offline is replaced when there is a network, however long that takes", async () => {
  const page = await openPage();
  await page.route(SCRIPT, (route) => route.abort("internetdisconnected"));
  await ground.context.setOffline(true);
  const isWaiting = page.evaluate(async () => {
    for await (const { reason } of client.states())
      if (reason?.endsWith("when the browser is online") === true) return;
  });
  await endWorker(page);
  await isWaiting;
  await page.unroute(SCRIPT);
  await ground.context.setOffline(false);
  const { offset } = await page.evaluate(async () => {
    const position = await client.topic("notes", { value: sdk.text() }).publish({ value: "one" }).delivered;
    return { offset: String(position.offset) };
  });
  expect(offset).toBe("0");
  await page.evaluate(() => client.close());
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
    ground.context.on("console", (message) => said.push(message.text()));
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
  const page = await ground.browser.newPage(ground.context, { policy: `${NO_WORKER}; ${SCRIPTS}` });
  await expect(ground.connect(page)).rejects.toThrow("wasm-unsafe-eval");
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
