import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import * as status from "../../engine-as/status.ts";
import { UNSUPPORTED_CODEC } from "../../engine-as/status.ts";
import { createEngine } from "../../log/wasm-engine.ts";
import { contents, foreignFrames } from "./golden/contents.ts";
import { batchVectors } from "./golden/make-batches.ts";
import { codecVectors } from "./golden/make-codecs.ts";
import { rewriteVectors } from "./golden/make-rewrites.ts";
import { scanStates, segmentVectors } from "./golden/make-segments.ts";
import { runVectors } from "./golden/run-vectors.ts";
import type { NamedBytes, VectorFile } from "./golden/vectors.ts";
import { engineKinds, loadModule } from "./load.ts";

const VECTORS = new URL("golden/vectors.json", import.meta.url);
const HOW = "RIVULET_GOLDEN=write npx vitest run --project node test/engine/golden.test.ts writes it";
const FILE_BYTES_MAX = 150_000;
const CODECS = [1, 2, 3, 4];

/** One entry a line, so that a difference names the vector. */
function listed(entries: readonly unknown[]): string {
  return `[\n${entries.map((entry) => `  ${JSON.stringify(entry)}`).join(",\n")}\n]`;
}

/** The file's text: the frames of others as they were recorded, and everything else made anew. */
async function vectorFile(recorded: NamedBytes): Promise<string> {
  const foreign = await foreignFrames(recorded);
  const named = { ...contents, ...foreign.bytes, ...scanStates };
  const instance = new WebAssembly.Instance(loadModule());
  const max = instance.exports["compressedBytesMax"] as (codec: number, length: number) => number;
  const codecs = CODECS.filter((codec) => max(codec, 1) !== UNSUPPORTED_CODEC);
  const engine = createEngine(new WebAssembly.Instance(loadModule()));
  const vectors = [
    ...batchVectors(instance, engine, codecs),
    ...segmentVectors(instance, engine),
    ...rewriteVectors(instance, engine, codecs),
    ...codecVectors(instance, named, foreign.frames),
  ];
  const bytes = Object.entries(named).map(([name, value]) => `  "${name}": ${JSON.stringify(value)}`);
  return `{\n"bytes": {\n${bytes.join(",\n")}\n},\n"vectors": ${listed(vectors)}\n}\n`;
}

/** What the tests below judge. */
let made: string;
let file: VectorFile;

beforeAll(async () => {
  const read = (): VectorFile => JSON.parse(readFileSync(VECTORS, "utf8")) as VectorFile;
  made = await vectorFile(existsSync(VECTORS) ? read().bytes : {});
  if (process.env.RIVULET_GOLDEN === "write") writeFileSync(VECTORS, made);
  file = read();
});

test("the golden vectors are what is made of their seeds", () => {
  const found = readFileSync(VECTORS, "utf8");
  const [foundLines, madeLines] = [found.split("\n"), made.split("\n")];
  const other = madeLines.find((line, at) => line !== foundLines[at]);
  expect(other?.slice(0, 200), `the first line that is another; ${HOW}`).toBeUndefined();
  expect(foundLines.length).toBe(madeLines.length);
  expect(found.length).toBeLessThan(FILE_BYTES_MAX);
});

describe("the golden vectors", () => {
  test.each(engineKinds)("hold on the %s build", (kind) => {
    const { mismatches, calls } = runVectors(new WebAssembly.Instance(loadModule(kind)), file);
    expect(mismatches).toEqual([]);
    expect(calls).toBeGreaterThan(150);
  });

  test("meet every status and every export", () => {
    const steps = file.vectors.flatMap((vector) => vector.steps);
    const met = new Set(steps.map((step) => step.status));
    for (const [name, code] of Object.entries(status)) expect(met.has(code), name).toBe(true);
    const functions = WebAssembly.Module.exports(loadModule()).filter((each) => each.kind === "function");
    expect([...new Set(steps.map((step) => step.call))].toSorted()).toEqual(
      functions.map((each) => each.name).toSorted(),
    );
  });

  test("fail when the engine answers something else", () => {
    const wrong = (change: (text: string) => string): readonly string[] => {
      const changed = JSON.parse(change(JSON.stringify(file))) as VectorFile;
      return runVectors(new WebAssembly.Instance(loadModule()), changed).mismatches;
    };
    const crc = 0xe3069283;
    expect(wrong((text) => text.replace(`"status":${crc}`, `"status":${crc - 1}`))).toEqual([
      `crc32c: the check value of the polynomial, step 1, crc32c: answered ${crc}, not ${crc - 1}`,
    ]);
    const frame = "04224d18";
    expect(
      wrong((text) =>
        text.replace(`"after":{"output":"${frame}`, `"after":{"output":"05${frame.slice(2)}`),
      )[0],
    ).toContain("output differs at byte 0");
  });
});
