import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readSource } from "./tools/source-file.ts";
import { breaches, type Breach, type Tree } from "./tools/tidy-rules.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const NOT_TEXT = /\.(png|jpg|ico|wasm|woff2|log|index|timeindex|snapshot)$/;

/** Every file that is committed, or would be; those that are no text with nothing in them. */
function ourFiles(): Tree {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
  });
  const paths = listed
    .toString()
    .split("\0")
    .filter((path) => path !== "" && path !== "package-lock.json");
  const present = paths.filter((path) => existsSync(join(root, path)));
  const read = (path: string): string => (NOT_TEXT.test(path) ? "" : readFileSync(join(root, path), "utf8"));
  return new Map(present.map((path) => [path, read(path)]));
}

test("the house is tidy", () => {
  const tree = ourFiles();
  expect(tree.size).toBeGreaterThan(50);
  expect(breaches(tree).map(({ file, rule }) => `${file}: ${rule}`)).toEqual([]);
});

describe("the rules can fail", () => {
  /** A house of one product file, which the gateway's entry reaches, and whatever else is given. */
  function breachesOf(path: string, text: string, others: Record<string, string> = {}): Breach[] {
    const tree = new Map(
      Object.entries({ "package.json": JSON.stringify({ uses: path }), ...others, [path]: text }),
    );
    return breaches(tree).filter(({ file }) => file === path);
  }

  test.each([
    ["wire/codec.ts", `import { x } from "../log/store.ts"; x;`, "wire/ may not import log/store.ts"],
    ["wire/codec.ts", `export * from "../log/store.ts"`, "wire/ may not import log/store.ts"],
    ["wire/codec.ts", `export type S = import("../log/store.ts").Store`, "wire/ may not import log/store.ts"],
    ["wire/codec.ts", `await import("../log/store.ts")`, "wire/ may not import log/store.ts"],
    ["log/segment.ts", `import { x } from "../wire/api.ts"; x;`, "log/ may not import wire/api.ts"],
    [
      "log/segment.ts",
      `import { x } from "../engine-as/varint.ts"; x;`,
      "log/ may not import engine-as/varint.ts",
    ],
    ["log/segment.ts", `import { x } from "../sync/upstream.ts"; x;`, "log/ may not import sync/upstream.ts"],
    [
      "sync/outbox.ts",
      `import { x } from "../web-client/idb.ts"; x;`,
      "sync/ may not import web-client/idb.ts",
    ],
    ["sync/outbox.ts", `import { open } from "idb"; open;`, "sync/ may not import the package idb"],
    ["log/files.ts", `import fs from "node:fs"; fs;`, "log/ may not import the package node:fs"],
    [
      "gateway/x.ts",
      `import { x } from "../web-client/index.ts"; x;`,
      "gateway/ may not import web-client/index.ts",
    ],
    [
      "web-client/x.ts",
      `import { x } from "../gateway/gateway.ts"; x;`,
      "web-client/ may not import gateway/gateway.ts",
    ],
    [
      "web-client/core/x.ts",
      `import { x } from "../connect.ts"; x;`,
      "web-client/core/ may not import web-client/connect.ts",
    ],
    [
      "web-client/core/x.ts",
      `import { openDB } from "idb"; openDB;`,
      "web-client/core/ may not import the package idb",
    ],
    [
      "gateway/api/x.ts",
      `import { x } from "../store/file-store.ts"; x;`,
      "gateway/api/ may not import gateway/store/file-store.ts",
    ],
    [
      "gateway/clients/x.ts",
      `import { x } from "../uws-listener.ts"; x;`,
      "gateway/clients/ may not import gateway/uws-listener.ts",
    ],
    [
      "gateway/store/x.ts",
      `import { x } from "../node-file-system.ts"; x;`,
      "gateway/store/ may not import gateway/node-file-system.ts",
    ],
    [
      "gateway/x.ts",
      `import { x } from "../test/tools/kcat.ts"; x;`,
      "gateway/ may not import test/tools/kcat.ts",
    ],
    [
      "gateway/x.ts",
      `const u = await import("uWebSockets.js"); u;`,
      "only gateway/uws-listener.ts imports uWebSockets.js",
    ],
    [
      "engine-as/crc32c.ts",
      `import { x } from "../wire/errors"; x;`,
      "engine-as/ may not import wire/errors",
    ],
    ["wire/codec.ts", `import { x } from "./gone.ts"; x;`, "imports wire/gone.ts, which is not there"],
  ])("imports: %s: %s", (path, text, rule) => {
    expect(breachesOf(path, text)).toContainEqual({ file: path, rule });
  });

  test.each([
    ["log/segment.ts", "export const now = () => Date.now();", "Date.now"],
    ["log/segment.ts", "export const now = () => new Date();", "new Date()"],
    ["wire/codec.ts", "export const id = () => Math.random();", "Math.random"],
    ["sync/back-off.ts", "export const wait = (f: () => void) => setTimeout(f, 10);", "setTimeout"],
    ["sync/back-off.ts", "export const clock = { setTimeout };", "setTimeout"],
    ["gateway/api/fetch.ts", "export const t = performance.now();", "performance.now"],
    ["gateway/clients/x.ts", "export const joined = Buffer.concat([]);", "Buffer.concat"],
    ["gateway/store/x.ts", "export const wait = (f: () => void) => setTimeout(f, 20);", "setTimeout"],
    ["gateway/api/fetch.ts", "export const uuid = () => crypto.randomUUID();", "crypto.randomUUID"],
    ["log/segment.ts", "export const size = Buffer.alloc(3);", "Buffer.alloc"],
    ["log/segment.ts", "export const f = globalThis.fetch;", "globalThis.fetch"],
    ["log/segment.ts", "export class A { at = process.hrtime.bigint() }", "process.hrtime"],
    ["log/segment.ts", "export const f = (x: unknown) => (x as Window) ?? window;", "window"],
    ["web-client/core/x.ts", "export const keep = () => navigator.storage.persist();", "navigator.storage"],
    ["web-client/core/x.ts", "export const random = () => Math.random();", "Math.random"],
    ["web-client/core/x.ts", "export const tabs = new BroadcastChannel('tabs');", "BroadcastChannel"],
    ["web-client/core/x.ts", "export const r = () => indexedDB.open('outbox');", "indexedDB.open"],
    ["web-client/core/x.ts", "export const { port1 } = new MessageChannel();", "new MessageChannel()"],
    ["web-client/core/x.ts", "export const s = AbortSignal.timeout(5000);", "AbortSignal.timeout"],
    ["web-client/core/x.ts", "addEventListener('online', () => undefined);", "addEventListener"],
  ])("the air: %s: %s", (path, text, taken) => {
    const found = breachesOf(path, text);
    expect(found.map(({ rule }) => rule)).toEqual([
      expect.stringContaining(`knows no host: ${taken} must be handed in`),
    ]);
  });

  test.each([
    "export function f(clock: { setTimeout(): void }) { clock.setTimeout(); }",
    "export function f({ fetch }: { fetch: () => void }) { fetch(); }",
    "export interface Clock { setTimeout: number } export const c: Clock = { setTimeout: 1 };",
    "export const at = (ms: number) => new Date(ms).toISOString();",
    "export const most = Math.max(1, 2); // never Date.now()",
    'export const text = "window";',
    "export type W = typeof globalThis;",
  ])("the air may be named when it is not taken: %s", (text) => {
    expect(breachesOf("log/segment.ts", text)).toEqual([]);
  });

  test("files that nobody imports", () => {
    const tree = new Map([
      ["gateway/rivulet.ts", `import "./used.ts"; new Worker(new URL("./worker.ts", import.meta.url));`],
      ["gateway/used.ts", ""],
      ["gateway/worker.ts", ""],
      ["gateway/only-tested.ts", ""],
      ["test/gateway/a.test.ts", `import "../../gateway/only-tested.ts"; import "./help.ts";`],
      ["test/gateway/help.ts", ""],
      ["test/gateway/old-help.ts", ""],
    ]);
    expect(breaches(tree)).toEqual([
      { file: "gateway/only-tested.ts", rule: "nothing in the product imports this file" },
      { file: "test/gateway/old-help.ts", rule: "nothing imports this file" },
    ]);
  });

  test("leftovers", () => {
    const later = `// ${"TO" + "DO"}: later`;
    expect(breachesOf("log/a.ts", `\n${later}`)).toEqual([
      { file: "log/a.ts", rule: "line 2 leaves something to do" },
    ]);
    const only = breachesOf("test/a.test.ts", `import { test } from "vitest"; test.only("x", () => {});`);
    expect(only).toEqual([{ file: "test/a.test.ts", rule: "test.only is left over" }]);
    const skip = breachesOf(
      "test/a.test.ts",
      `import { describe } from "vitest"; describe.skipIf(true)("x", () => {});`,
    );
    expect(skip).toEqual([{ file: "test/a.test.ts", rule: "describe.skipIf is left over" }]);
    const platform = `import { it } from "vitest"; it.skipIf(process.platform === "win32")("x", () => {});`;
    expect(breachesOf("test/a.test.ts", platform)).toEqual([]);
    expect(breachesOf("log/a.ts", "\n".repeat(800))[0]?.rule).toContain("801 lines, more than 700");
  });

  test("documents that only hold on one machine, or lead nowhere", () => {
    const home = "/" + "home/me/rivulet";
    expect(breachesOf("README.md", `cd ${home}`)[0]?.rule).toBe("line 1 names a path of somebody's machine");
    expect(breachesOf("README.md", "see [the log](docs/log.md)")[0]?.rule).toBe(
      "links to docs/log.md, which is not there",
    );
    expect(breachesOf("README.md", "see [the log](docs/log.md#end)", { "docs/log.md": "" })).toEqual([]);
    expect(breachesOf("README.md", "https://example.org/home/me and [x](https://example.org)")).toEqual([]);
  });

  test("a source that does not parse is named", () => {
    expect(() => readSource("log/broken.ts", "export const = 1")).toThrow("log/broken.ts does not parse");
  });
});
