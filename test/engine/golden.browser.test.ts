import { expect, test } from "vitest";

import { runVectors } from "./golden/run-vectors.ts";
import type { VectorFile } from "./golden/vectors.ts";

test("the golden vectors hold in a browser", async () => {
  const file = (await (await fetch(new URL("golden/vectors.json", import.meta.url))).json()) as VectorFile;
  const { instance } = await WebAssembly.instantiateStreaming(
    fetch(new URL("../../build/engine.wasm", import.meta.url)),
  );
  const { mismatches, vectors } = runVectors(instance, file);
  expect(mismatches).toEqual([]);
  expect(vectors).toBe(file.vectors.length);
});
