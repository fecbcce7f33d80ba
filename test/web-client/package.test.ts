/** What a front-end developer gets: the package as it is built, type-checked and bundled from the outside. */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sdkConfig } from "../../web-client/vite.config.ts";

const repository = join(import.meta.dirname, "../..");

const ENGINES = ["engine.wasm", "engine.plain.wasm"];
/** What the worker fetches when it is needed. */
const PARTS = [
  "admin-client",
  "bulk-history",
  "delivery",
  "groups",
  "memory-device",
  "pending",
  "replica-database",
  "replicas",
  "shared",
  "wasm-engine",
].map((name) => `worker-${name}.js`);

let app: string;
let dist: string;

beforeAll(async () => {
  app = await mkdtemp(join(tmpdir(), "rivulet-consumer-"));
  const home = join(app, "node_modules/@rivulet/client");
  dist = join(home, "dist");
  await mkdir(home, { recursive: true });
  await build({ ...sdkConfig(dist), configFile: false, logLevel: "error" });
  await cp(join(repository, "web-client/package.json"), join(home, "package.json"));
  await cp(join(repository, "node_modules/idb"), join(app, "node_modules/idb"), { recursive: true });
}, 120_000);
afterAll(() => rm(app, { recursive: true, force: true }));

const APP = `
import { connect, ErrorCode, json, KafkaError, text } from "@rivulet/client";
import type { Publication, Replica, Rivulet } from "@rivulet/client";

interface Order { id: string; total: number }

export async function main(signal: AbortSignal): Promise<number> {
  await using rivulet: Rivulet = await connect({ url: "http://127.0.0.1:8080", signal });
  rivulet.addEventListener("state", ({ state }) => console.log(state.name, state.reason?.length));
  const orders = rivulet.topic("orders", { value: json<Order>() });
  const sent: Publication = orders.publish({ key: "o-17", value: { id: "o-17", total: 3 } });
  await sent.queued;
  const { partition, offset } = await sent.delivered;
  let total = 0;
  for await (const record of orders.subscribe({ from: "earliest", signal })) total += record.value?.total ?? 0;
  const replica: Replica<Order> = await orders.replicate();
  for await (const record of replica.read({ partition: 0, from: 100n })) total += record.value?.total ?? 0;
  replica.addEventListener("gap", ({ from, to }) => console.log(to - from));
  const error: unknown = new KafkaError(ErrorCode.NONE, "none");
  const lines: string | null | undefined = (await rivulet.topic("lines", { value: text() }).replicate()).topic;
  // @ts-expect-error what is published has the topic's type
  orders.publish({ key: "o-18", value: { id: 18 } });
  // @ts-expect-error an offset is a bigint
  offset.toFixed(2);
  return error instanceof KafkaError ? total + partition + Number(offset) + (lines?.length ?? 0) : 0;
}
`;

test("an app in strict TypeScript compiles against the declarations, which need nothing else", async () => {
  await writeFile(join(app, "app.ts"), APP);
  const options =
    "--strict --noEmit --exactOptionalPropertyTypes --noUncheckedIndexedAccess --target ES2022 --module ESNext" +
    " --moduleResolution bundler --lib ES2022,DOM,DOM.Iterable,ESNext.Disposable";
  const args = [...options.split(" "), "--types", "", "app.ts"];
  const compiler = join(repository, "node_modules/typescript/bin/tsc");
  const output = await promisify(execFile)(process.execPath, [compiler, ...args], { cwd: app }).then(
    () => "",
    (error: { stdout: string }) => error.stdout,
  );
  expect(output).toBe("");
});

test("the entries for Node and React stand by themselves, with their types", async () => {
  await writeFile(
    join(app, "entries.ts"),
    `import { connect, KafkaError, type Rivulet } from "@rivulet/client/node";
     import { useRecords, useStatus } from "@rivulet/client/react";
     export const open = (): Promise<Rivulet> => connect({ url: "http://127.0.0.1:8080" });
     export const hooks = { useRecords, useStatus, KafkaError };`,
  );
  await symlink(join(repository, "node_modules/@types"), join(app, "node_modules/@types"));
  await symlink(join(repository, "node_modules/react"), join(app, "node_modules/react"));
  const options =
    "--strict --noEmit --target ES2022 --module ESNext --moduleResolution bundler --lib ES2022,DOM,ESNext.Disposable";
  const args = [...options.split(" "), "--types", "", "entries.ts"];
  const compiler = join(repository, "node_modules/typescript/bin/tsc");
  const output = await promisify(execFile)(process.execPath, [compiler, ...args], { cwd: app }).then(
    () => "",
    (error: { stdout: string }) => error.stdout,
  );
  expect(output).toBe("");
  const run = `import { connect } from "@rivulet/client/node";
    import { useRecords } from "@rivulet/client/react";
    class WebSocket { binaryType = ""; readyState = 0; addEventListener() {} send() {} close() {} }
    const rivulet = await connect({ url: "http://127.0.0.1:1", WebSocket });
    console.log(rivulet.storage, typeof useRecords);
    await rivulet.close();`;
  await writeFile(join(app, "run.mjs"), run);
  const { stdout } = await promisify(execFile)(process.execPath, ["run.mjs"], { cwd: app });
  expect(stdout).toBe("memory function\n");
});

/** Files beside it that a module names in the form that bundlers look for, each as often as it does. */
function besides(code: string): string[] {
  const found = code.matchAll(/new URL\("\.\/([^"]+)", ?import\.meta\.url\)/g);
  return Array.from(found, ([, name]) => name ?? "").toSorted();
}

const IMPORT = /(?:^|[;}])(?:import|export)[^;]*?from ?["']([^"']+)["']/gm;

async function importsOf(module: string): Promise<(string | undefined)[]> {
  return [...(await readFile(join(dist, module), "utf8")).matchAll(IMPORT)].map(([, name]) => name);
}

test("each module names what lies beside it in the form that bundlers look for, and holds no copy", async () => {
  const beside = {
    // Where the worker lies is also asked for where it is of another origin.
    "index.js": ["worker.js", "worker.js"],
    "worker.js": [...ENGINES, ...PARTS].toSorted(),
    "open-here.js": ENGINES.toSorted(),
  };
  for (const [module, names] of Object.entries(beside)) {
    const code = await readFile(join(dist, module), "utf8");
    expect(besides(code)).toEqual(names);
    expect(code).not.toContain("AGFzbQ");
    expect(code).not.toContain("__RIVULET_URL");
  }
  for (const name of ENGINES)
    expect(await readFile(join(dist, name))).toEqual(await readFile(join(repository, "build", name)));
});

test("neither the worker nor its parts import anything by name: bundlers give what they copy other names", async () => {
  const modules = (await readdir(dist)).filter((name) => /^worker.*\.js$/.test(name));
  expect(modules.toSorted()).toEqual([...PARTS, "worker.js"].toSorted());
  for (const module of modules) {
    expect(await importsOf(module), module).toEqual([]);
    const code = await readFile(join(dist, module), "utf8");
    const dynamic = [...code.matchAll(/\bimport\(/g)].length;
    expect(dynamic, `import() in ${module}`).toBe(module === "worker.js" ? 1 : 0);
  }
  // What is for bundlers to leave as it is, says so to each of them.
  expect(await readFile(join(dist, "worker.js"), "utf8")).toMatch(
    /import\(\s*\/\* @vite-ignore \*\/\s*\/\* webpackIgnore: true \*\//,
  );
});

test("the module loads the client itself only where there can be no worker", async () => {
  expect(await importsOf("open-here.js")).toContain("idb");
  const reached = new Set(["index.js"]);
  for (const module of reached) {
    for (const name of await importsOf(module)) reached.add(name?.replace("./", "") ?? "");
  }
  expect(reached).not.toContain("idb");
  expect(reached).not.toContain("open-here.js");
});

test("an app's own bundler finds the worker and both builds of the engine without being told", async () => {
  await writeFile(join(app, "index.html"), '<script type="module" src="./main.js"></script>');
  await writeFile(
    join(app, "main.js"),
    'import { connect } from "@rivulet/client"; globalThis.start = () => connect({ url: location.href });',
  );
  await build({ root: app, configFile: false, logLevel: "error", build: { assetsInlineLimit: 0 } });
  const assets = await readdir(join(app, "dist/assets"));
  const engines = assets.filter((name) => name.endsWith(".wasm"));
  expect(engines).toHaveLength(ENGINES.length);
  const [page, worker] = [/^index-/, /^worker-[^-]+\.js$/].map((name) =>
    assets.find((each) => name.test(each)),
  );
  expect(await readFile(join(app, "dist/assets", page ?? ""), "utf8")).toContain(worker);
  const code = await readFile(join(app, "dist/assets", worker ?? ""), "utf8");
  for (const engine of engines) expect(code).toContain(engine);
  for (const part of PARTS) {
    const copied = assets.find((name) => name.startsWith(part.replace(".js", "-")));
    expect(code, part).toContain(copied);
    // As it is: nothing in it has to be found.
    expect(await readFile(join(app, "dist/assets", copied ?? ""))).toEqual(await readFile(join(dist, part)));
  }
});
