import { expect, test } from "vitest";
import { runVectors } from "./golden/run-vectors.ts";
import type { VectorFile } from "./golden/vectors.ts";

test.each([
  ["with SIMD", new URL("../../build/engine.wasm", import.meta.url)],
  ["without SIMD", new URL("../../build/engine.plain.wasm", import.meta.url)],
])("the golden vectors hold in a browser, %s", async (_, engine) => {
  const file = (await (await fetch(new URL("golden/vectors.json", import.meta.url))).json()) as VectorFile;
  const { instance } = await WebAssembly.instantiateStreaming(fetch(engine));
  const { mismatches, vectors } = runVectors(instance, file);
  expect(mismatches).toEqual([]);
  expect(vectors).toBe(file.vectors.length);
});
