/** The package as tools for published packages see it: publint, and "are the types wrong?". */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packSdk, repository } from "./packed.ts";

let directory: string;
let file: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "rivulet-packed-"));
  file = await packSdk(directory);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test("publint finds nothing", async () => {
  const bytes = await readFile(file);
  const tarball = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const { messages, pkg } = await publint({ pack: { tarball }, level: "suggestion", strict: true });
  expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
});

test("the types of every entry are found by whoever imports modules", async () => {
  const attw = join(repository, "node_modules/@arethetypeswrong/cli/dist/index.js");
  // Modules only: `require` has them from Node 22 on, and TypeScript's `node10` knows no entries.
  const args = [attw, file, "--profile", "esm-only", "--format", "json", "--no-definitely-typed"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 26 });
  const { analysis } = JSON.parse(stdout) as {
    analysis: { entrypoints: Record<string, unknown>; problems: { kind: string; resolutionKind?: string }[] };
  };
  expect(Object.keys(analysis.entrypoints).toSorted()).toEqual([".", "./browser", "./node", "./react"]);
  const ignored = new Set(["node10", "node16-cjs"]);
  const problems = analysis.problems.filter(({ resolutionKind }) => !ignored.has(resolutionKind ?? ""));
  expect(problems).toEqual([]);
});
