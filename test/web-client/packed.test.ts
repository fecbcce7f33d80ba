/** A front-end developer's first minutes: the packed SDK installed in an empty project, built, and run in a real Chromium. */
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright";
import type { Browser, BrowserContext, Page } from "playwright";
import { build, createServer } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import type * as Sdk from "../../web-client/index.ts";
import { startTestGateway } from "../gateway/start-gateway.ts";
import type { TestGateway } from "../gateway/start-gateway.ts";
import { installSdk, packSdk } from "./packed.ts";

declare const sdk: typeof Sdk;
declare const client: Sdk.Rivulet;

let app: string;
let browser: Browser;

beforeAll(async () => {
  app = await mkdtemp(join(tmpdir(), "rivulet-app-"));
  await writeFile(join(app, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
  await installSdk(await packSdk(app), app);
  const main = 'import * as sdk from "@rivulet/client";\nglobalThis.sdk = sdk;\ndocument.title = "ready";\n';
  await writeFile(join(app, "main.js"), main);
  await writeFile(join(app, "index.html"), '<!doctype html><script type="module" src="./main.js"></script>');
  const plain = 'import * as sdk from "./node_modules/@rivulet/client/dist/browser.js";';
  await writeFile(
    join(app, "plain.html"),
    `<!doctype html><script type="module">${plain} globalThis.sdk = sdk; document.title = "ready";</script>`,
  );
  browser = await chromium.launch({
    executablePath: process.env.RIVULET_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
  });
});
afterAll(async () => {
  await browser?.close();
  await rm(app, { recursive: true, force: true });
});

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

/** A file that is asked for under `pathname`, for the first, second, ... time (1, 2, ...), as it is answered; undefined: it is gone. */
type Spoil = (pathname: string, times: number, bytes: Uint8Array) => Uint8Array | string | undefined;

/** The part is of another build for so many times. */
const otherBuild =
  (part: string, timesMax: number): Spoil =>
  (pathname, times, bytes) =>
    pathname.endsWith(part) && times <= timesMax
      ? String(Buffer.from(bytes)).replace(/build=`[^`]+`/, "build=`another`")
      : bytes;

/** Serves a directory as any web server does, and again below `/old/`, as an older deploy of it. */
async function serve(directory: string, spoil: Spoil = (_pathname, _times, bytes) => bytes) {
  const asked: string[] = [];
  const server = createHttpServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    asked.push(pathname);
    const times = asked.filter((path) => path === pathname).length;
    const path = normalize(pathname.endsWith("/") ? `${pathname}index.html` : pathname);
    readFile(join(directory, path.replace(/^\/old\//, "/"))).then(
      (bytes) => {
        const answer = spoil(pathname, times, bytes);
        if (answer === undefined) return response.writeHead(503).end();
        response.setHeader("cache-control", "no-store");
        return response.setHeader("content-type", TYPES[extname(path)] ?? "").end(answer);
      },
      () => response.writeHead(404).end(),
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, close };
}

/** Publishes, subscribes and replicates from a page, and answers what it saw. */
async function tryOut(origin: string, path = "/") {
  const gateway: TestGateway = await startTestGateway({ args: ["--allow-origin", origin] });
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("console", (message) => message.type() === "warning" && faults.push(message.text()));
    await page.goto(`${origin}${path}`);
    await page.waitForFunction(() => document.title === "ready");
    const seen = await page.evaluate(async (url) => {
      const rivulet = await sdk.connect({ url });
      const { runsIn } = rivulet;
      const orders = rivulet.topic("orders", { value: sdk.json<{ n: number }>() });
      const first = orders.publish({ key: "a", value: { n: 1 } });
      await first.queued;
      const { offset } = await first.delivered;
      const read: (number | undefined)[] = [];
      for await (const record of orders.subscribe({ from: "earliest" })) {
        read.push(record.value?.n);
        if (read.length === 1) void orders.publish({ key: "a", value: { n: 2 } });
        else break;
      }
      const replica = await orders.replicate();
      await replica.caughtUp();
      const held: (number | undefined)[] = [];
      for await (const record of replica.read()) held.push(record.value?.n);
      const topics = await rivulet.admin.describeTopic("orders");
      await rivulet.close();
      return { runsIn, offset: String(offset), read, held, partitions: topics.partitions.length };
    }, `http://127.0.0.1:${gateway.httpPort}`);
    return { seen, faults };
  } finally {
    await context.close();
    await gateway.stop();
  }
}

const ALL_WELL = {
  seen: { runsIn: "worker", offset: "0", read: [1, 2], held: [1, 2], partitions: 1 },
  faults: [],
};

test("no server comes along: the SDK and its one dependency, and nothing that is made for one system", async () => {
  const files = await readdir(join(app, "node_modules"), { recursive: true });
  const packages = files.filter((file) => file.endsWith("package.json")).toSorted();
  expect(packages).toEqual(["@rivulet/client/package.json", "idb/package.json"]);
  expect(files.filter((file) => /\.(node|so|dll|dylib|exe)$/.test(file))).toEqual([]);
  expect(files.filter((file) => file.endsWith(".wasm")).toSorted()).toEqual([
    "@rivulet/client/dist/engine.plain.wasm",
    "@rivulet/client/dist/engine.wasm",
  ]);
});

test("an empty Vite project builds it, and finds the worker, its parts and the engine without being told", async () => {
  await build({ root: app, configFile: false, logLevel: "error" });
  const site = await serve(join(app, "dist"));
  try {
    expect(await tryOut(site.origin)).toEqual(ALL_WELL);
    const assets = site.asked.filter((path) => path.startsWith("/assets/"));
    for (const name of [
      /worker-[^-]+\.js/,
      /worker-delivery/,
      /worker-replica-/,
      /worker-replicas/,
      /worker-shared/,
      /worker-wasm/,
      /worker-admin/,
      /\/engine-/,
    ])
      expect(assets.filter((path) => name.test(path))).toHaveLength(1);
    expect(assets.filter((path) => /worker-(group|memory|bulk)|open-here/.test(path))).toEqual([]);
  } finally {
    await site.close();
  }
});

test("Vite's own server finds them, too", async () => {
  const cacheDir = join(app, "vite-cache");
  await mkdir(cacheDir);
  const server = await createServer({
    root: app,
    configFile: false,
    cacheDir,
    logLevel: "error",
    server: { host: "127.0.0.1", port: 0, hmr: false, ws: false, watch: null },
  });
  try {
    await server.listen();
    const [url = ""] = server.resolvedUrls?.local ?? [];
    expect(await tryOut(new URL(url).origin)).toEqual(ALL_WELL);
  } finally {
    await server.close();
  }
});

test("a plain page without any build imports one file", async () => {
  const site = await serve(app);
  try {
    expect(await tryOut(site.origin, "/plain.html")).toEqual(ALL_WELL);
    const asked = site.asked.filter((path) => path.endsWith(".js") || path.endsWith(".wasm"));
    const dist = "/node_modules/@rivulet/client/dist";
    const parts = ["admin-client", "delivery", "replica-database", "replicas", "shared", "wasm-engine"].map(
      (name) => `worker-${name}.js`,
    );
    expect(asked.toSorted()).toEqual(
      ["browser.js", "engine.wasm", "worker.js", ...parts].map((name) => `${dist}/${name}`).toSorted(),
    );
  } finally {
    await site.close();
  }
});

test("a part of the worker that could not be fetched is fetched again", async () => {
  const site = await serve(app, (pathname, times, bytes) =>
    pathname.endsWith("/worker-delivery.js") && times === 1 ? undefined : bytes,
  );
  try {
    expect(await tryOut(site.origin, "/plain.html")).toEqual(ALL_WELL);
    expect(site.asked.filter((path) => path.endsWith("/worker-delivery.js"))).toHaveLength(2);
  } finally {
    await site.close();
  }
});

/** A loaded machine is slow. */
const PATIENT = { timeout: 30_000 };

/** Opens a page with a client, which the page's scripts find as `client`. */
async function openClient(context: BrowserContext, page: string, gateway: TestGateway): Promise<Page> {
  const opened = await context.newPage();
  await opened.goto(page);
  await opened.waitForFunction(() => document.title === "ready");
  await opened.evaluate(async (url) => {
    const client = await sdk.connect({ url });
    Object.assign(globalThis, { client });
    for await (const { name } of client.states()) if (name === "live") break;
  }, `http://127.0.0.1:${gateway.httpPort}`);
  return opened;
}

/** Publishes, and answers where that was delivered to, and every problem that was told meanwhile. */
function publishedFrom(page: Page, value: string) {
  return page.evaluate(async (text) => {
    const problems: string[] = [];
    const look = (): void => {
      const { problem } = client.outbox;
      if (problem !== undefined && problem !== problems.at(-1)) problems.push(problem);
    };
    client.outbox.addEventListener("change", look);
    const { delivered } = client.topic("orders", { value: sdk.text() }).publish({ value: text });
    const { offset } = await delivered;
    client.outbox.removeEventListener("change", look);
    return { offset: String(offset), problems, problem: client.outbox.problem };
  }, value);
}

test("a part of another build is not run, which would make nonsense of what it shares: it is said, and asked for again", async () => {
  const site = await serve(app, otherBuild("/worker-delivery.js", 3));
  const gateway = await startTestGateway({ args: ["--allow-origin", site.origin] });
  const context = await browser.newContext();
  try {
    const page = await openClient(context, `${site.origin}/plain.html`, gateway);
    const { offset, problems, problem } = await publishedFrom(page, "mine");
    expect({ offset, problem }).toEqual({ offset: "0", problem: undefined });
    expect(problems.at(0)).toMatch(/what delivers cannot be loaded.*worker-delivery.js is of another build/);
  } finally {
    await context.close();
    await gateway.stop();
    await site.close();
  }
});

test("what delivers is fetched once there is a connection: a deploy that takes it away stops no page that is open", async () => {
  const site = await serve(app, (pathname, times, bytes) =>
    pathname.endsWith("/worker-delivery.js") && times > 1 ? undefined : bytes,
  );
  const gateway = await startTestGateway({ args: ["--allow-origin", site.origin] });
  const context = await browser.newContext();
  try {
    const page = await openClient(context, `${site.origin}/plain.html`, gateway);
    await expect
      .poll(() => site.asked.some((path) => path.endsWith("/worker-delivery.js")), PATIENT)
      .toBe(true);
    expect(await publishedFrom(page, "mine")).toEqual({ offset: "0", problems: [], problem: undefined });
  } finally {
    await context.close();
    await gateway.stop();
    await site.close();
  }
});

test("a tab of an older deploy that finds no part to deliver with says so, and does not keep other tabs from delivering", async () => {
  const site = await serve(app, (pathname, _times, bytes) =>
    /^\/old\/.*\/worker-delivery\.js$/.test(pathname) ? undefined : bytes,
  );
  const gateway = await startTestGateway({ args: ["--allow-origin", site.origin] });
  const context = await browser.newContext();
  try {
    const leader = await openClient(context, `${site.origin}/old/plain.html`, gateway);
    const first = publishedFrom(leader, "of the old one");
    await leader.waitForFunction(() => client.outbox.problem?.includes("what delivers cannot be loaded"));
    const other = await openClient(context, `${site.origin}/plain.html`, gateway);
    const second = await publishedFrom(other, "of the new one");
    expect((await first).offset).toBe("0");
    expect(second.offset).toBe("1");
    await leader.waitForFunction(() => client.outbox.problem === undefined && client.outbox.pending === 0);
  } finally {
    await context.close();
    await gateway.stop();
    await site.close();
  }
});
