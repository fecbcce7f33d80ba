import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { loadEngine } from "../../web-client/load-engine.ts";

const BUILD = new URL("../../build/", import.meta.url);
const PAGE = "https://app.example/shop/index.html";
let fetched: string[];

beforeEach(() => {
  fetched = [];
  vi.stubGlobal("location", { href: PAGE });
  vi.stubGlobal("fetch", async (url: URL) => {
    fetched.push(url.href);
    const name = url.pathname.split("/").at(-1) ?? "";
    return new Response(new Uint8Array(await readFile(new URL(name, BUILD))));
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

test.each([
  [true, undefined, new URL("engine.wasm", BUILD).href],
  [false, undefined, new URL("engine.plain.wasm", BUILD).href],
  [true, "static/engine.wasm", "https://app.example/shop/static/engine.wasm"],
  [false, "static/engine.wasm", "https://app.example/shop/static/engine.plain.wasm"],
  [true, new URL("https://cdn.example/engine.wasm"), "https://cdn.example/engine.wasm"],
  [false, new URL("https://cdn.example/engine.wasm"), "https://cdn.example/engine.plain.wasm"],
])(
  "with SIMD valid: %s and engineUrl %s a browser downloads %s, once",
  async (isValid, engineUrl, expected) => {
    vi.spyOn(WebAssembly, "validate").mockReturnValue(isValid);
    const [one, another] = await Promise.all([loadEngine(engineUrl), loadEngine(engineUrl)]);
    expect(fetched).toEqual([expected]);
    const digits = new TextEncoder().encode("123456789");
    expect([one.crc32c(digits), another.crc32c(digits)]).toEqual([0xe3069283, 0xe3069283]);
  },
);

test("what cannot be had is asked for again", async () => {
  vi.stubGlobal("fetch", () => Promise.resolve(new Response("none", { status: 404 })));
  await expect(loadEngine("gone/engine.wasm")).rejects.toThrow(
    "https://app.example/shop/gone/engine.wasm answered 404",
  );
  let again = 0;
  vi.stubGlobal("fetch", async () => {
    again++;
    return new Response(new Uint8Array(await readFile(new URL("engine.wasm", BUILD))));
  });
  expect((await loadEngine("gone/engine.wasm")).crc32c(new Uint8Array(0))).toBe(0);
  expect(again).toBe(1);
});
