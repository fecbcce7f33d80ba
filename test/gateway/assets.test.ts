import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { arch } from "node:process";
import { promisify } from "node:util";
import { afterEach, describe, expect, it, test, vi } from "vitest";
import { loadEngineModule } from "../../gateway/assets.ts";
import { SIMD_MODULE } from "../../log/wasm-simd.ts";
import { root } from "./spawn-gateway.ts";

afterEach(() => vi.restoreAllMocks());

describe("the gateway's engine", () => {
  it.each([
    [true, "engine.wasm"],
    [false, "engine.plain.wasm"],
  ])("where SIMD is valid: %s, is %s", async (isValid, name) => {
    const validate = vi.spyOn(WebAssembly, "validate").mockReturnValue(isValid);
    const compile = vi.spyOn(WebAssembly, "compile");
    expect(WebAssembly.Module.exports(await loadEngineModule()).map((each) => each.name)).toContain("crc32c");
    expect(validate).toHaveBeenCalledExactlyOnceWith(SIMD_MODULE);
    expect(compile.mock.calls).toEqual([[await readFile(`${root}/build/${name}`)]]);
  });
});

test("on a processor without SIMD the module that asks for it is as invalid as engine.wasm, and engine.plain.wasm is valid", async () => {
  const script = `
      const { readFileSync } = require("node:fs");
      const files = ["build/engine.wasm", "build/engine.plain.wasm"].map((file) => readFileSync(file));
      console.log([Uint8Array.of(${SIMD_MODULE.join()}), ...files].map((bytes) => WebAssembly.validate(bytes)).join());`;
  const run = async (...flags: string[]): Promise<string> =>
    (await promisify(execFile)(process.execPath, [...flags, "-e", script], { cwd: root })).stdout.trim();
  expect(await run()).toBe("true,true,true");
  // On other processors V8 has no use for the flag.
  expect(await run("--no-enable-ssse3")).toBe(arch === "x64" ? "false,false,true" : "true,true,true");
});
