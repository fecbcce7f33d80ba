import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { OK } from "../../engine-as/status.ts";
import { BatchHeader } from "../../log/batch.ts";
import { utf8 } from "../engine/batches.ts";
import type { Outcome } from "../engine/golden/run-vectors.ts";
import type { VectorFile } from "../engine/golden/vectors.ts";
import { loadEngine } from "../engine/load.ts";
import { installPythonPackages, pythonEnvironment } from "../tools/python-packages.ts";
import { describeWith, findTool } from "../tools/require-tool.ts";
import { run } from "../tools/run-process.ts";
import { here, installRuntimes, programOf, root } from "./install.ts";

const SCRIPT = join(here, "run-vectors-here.ts");
const HOST = join(here, "wasmtime_host.py");
const VECTORS = join(root, "test/engine/golden/vectors.json");
const ENGINE = join(root, "build/engine.wasm");
/** Where Python's packages go below build/. */
const WHEELS = "python";
/** With SIMD and without. */
const BUILDS = ["engine.wasm", "engine.plain.wasm"];

const file = JSON.parse(readFileSync(VECTORS, "utf8")) as VectorFile;
const expected: Outcome = {
  vectors: file.vectors.length,
  calls: file.vectors.reduce((sum, vector) => sum + vector.steps.length, 0),
  mismatches: [],
};

describe("the golden vectors, run in", () => {
  beforeAll(installRuntimes);

  test.each(BUILDS)("Bun: JavaScriptCore, Safari's engine: %s", async (build) => {
    const { stdout } = await run(programOf("@oven", "bin/bun"), ["run", SCRIPT, build]);
    expect(JSON.parse(stdout.toString())).toEqual(expected);
  });

  test.each(BUILDS)("Deno, which is allowed to read and nothing else: %s", async (build) => {
    const flags = ["--no-config", "--no-lock", "--no-npm", "--no-remote", `--allow-read=${root}`];
    const { stdout } = await run(programOf("@deno", "deno"), ["run", ...flags, SCRIPT, build], {
      env: { DENO_NO_UPDATE_CHECK: "1" },
    });
    expect(JSON.parse(stdout.toString())).toEqual(expected);
  });
});

describeWith(["python with pip"], "wasmtime, a host in Python written from FORMAT.md", () => {
  let python: string;
  const env = pythonEnvironment(WHEELS);

  beforeAll(async () => {
    python = findTool("python with pip") ?? "";
    await installPythonPackages(python, here, WHEELS);
  });

  test.each(BUILDS)("runs the golden vectors: %s", async (build) => {
    const engine = join(root, "build", build);
    const { stdout } = await run(python, [HOST, "vectors", engine, VECTORS], { env });
    expect(JSON.parse(stdout.toString())).toEqual(expected);
  });

  test("keeps a log by itself, which Node reads as it was written", async () => {
    const { stdout } = await run(python, [HOST, "log", ENGINE], { env });
    const made = JSON.parse(stdout.toString()) as Record<string, unknown>;
    const segment = Uint8Array.from(Buffer.from(String(made["segment"]), "hex"));
    const engine = loadEngine();
    const scanner = engine.scanner({
      baseOffset: 5000n,
      nextOffset: 5000n,
      position: 0,
      indexIntervalBytes: 300,
      batchBytesMax: 1 << 20,
    });
    expect(scanner.feed(segment)).toBe(OK);
    const batches = scanner.batches.map(({ position, bytes }) =>
      segment.subarray(position, position + bytes),
    );
    const records = batches.flatMap((batch) => [...engine.readBatch(batch, 1 << 20)]);
    expect(records.map((record) => record.offset)).toEqual(records.map((_, at) => 5000n + BigInt(at)));
    expect(made["records"]).toBe(records.length);
    const [seventh, eighth] = [records[27], records[28]];
    expect(seventh?.value).toEqual(utf8("value ".repeat(7)));
    expect(seventh?.headers).toEqual([
      { key: "trace", value: Uint8Array.of(1, 2) },
      { key: "größe", value: null },
      { key: "", value: new Uint8Array(0) },
    ]);
    expect([eighth?.key, eighth?.value]).toEqual([utf8("key 8"), null]);
    // Python was told nothing of the end of the segment, with which Node closes the time index.
    expect(Buffer.from(scanner.offsetIndex()).toString("hex")).toBe(made["offsetIndex"]);
    expect(Buffer.from(scanner.timeIndex()).toString("hex")).toMatch(
      new RegExp(`^${String(made["timeIndex"])}`),
    );
    const codecs = new Set(batches.map((batch) => new BatchHeader(batch).codec));
    expect(codecs.size).toBe((made["codecs"] as string[]).length);
  });

  test("sees a mismatch where there is one", async () => {
    const { stdout } = await run(python, [HOST, "vectors", ENGINE, "-"], {
      env,
      input: JSON.stringify({ ...file, bytes: { ...file.bytes, abc: "616263" } }),
    });
    const { mismatches } = JSON.parse(stdout.toString()) as Outcome;
    expect(mismatches).toContainEqual(expect.stringContaining("compress: lz4: abc, and back"));
  });
});
