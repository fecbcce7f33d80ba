/** A front-end developer's first minutes: the packed SDK installed in an empty project, built, and run in a real Chromium. */
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright";
import type { Browser } from "playwright";
import { build, createServer } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import type * as Sdk from "../../web-client/index.ts";
import { startTestGateway } from "../gateway/start-gateway.ts";
import type { TestGateway } from "../gateway/start-gateway.ts";
import { installSdk, packSdk } from "./packed.ts";

declare const sdk: typeof Sdk;

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

/** Serves a directory as any web server does; a path that ends with `failing` only from the second time on. */
async function serve(directory: string, failing?: string) {
  const asked: string[] = [];
  const server = createHttpServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    asked.push(pathname);
    const isFirst = asked.filter((path) => path === pathname).length === 1;
    if (failing !== undefined && pathname.endsWith(failing) && isFirst) {
      response.writeHead(503).end();
      return;
    }
    const path = normalize(pathname.endsWith("/") ? `${pathname}index.html` : pathname);
    readFile(join(directory, path)).then(
      (bytes) => response.setHeader("content-type", TYPES[extname(path)] ?? "").end(bytes),
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
    const parts = ["admin-client", "delivery", "replica-database", "replicas", "wasm-engine"].map(
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
  const site = await serve(app, "/worker-delivery.js");
  try {
    expect(await tryOut(site.origin, "/plain.html")).toEqual(ALL_WELL);
    expect(site.asked.filter((path) => path.endsWith("/worker-delivery.js"))).toHaveLength(2);
  } finally {
    await site.close();
  }
});
