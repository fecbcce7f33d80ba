/** The gateway at the edge: the same log, wire and engine in a Durable Object of Cloudflare's own runtime, workerd. */
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ErrorCode } from "../../wire/errors.ts";
import { batchOf, createTopic, fetchFrom, produceTo } from "../gateway/batches.ts";
import { ProtocolClient } from "../gateway/protocol-client.ts";
import { loadEngine } from "../engine/load.ts";
import { here, installRuntimes, root } from "./install.ts";
import { bundleWorker } from "./worker/bundle.mjs";
import type { Ended } from "./worker/vitest-here.ts";

/** What is used of miniflare, whose own types are there only once it is installed. */
interface Miniflare {
  readonly ready: Promise<URL>;
  dispose(): Promise<void>;
}
type NewMiniflare = new (options: Record<string, unknown>) => Miniflare;

const outDir = join(root, "build/worker");
/** Codecs that this engine writes. */
const CODECS = [0, 1, 2, 3, 4].filter((codec) => codec === 0 || canWrite(codec));
let data: string;

function canWrite(codec: number): boolean {
  try {
    return loadEngine().compress(codec, Uint8Array.of(1)).length > 0;
  } catch {
    return false;
  }
}

/** Starts the runtime on what was persisted before. */
async function startWorker(): Promise<{ readonly url: URL; readonly stop: () => Promise<void> }> {
  const require = createRequire(join(here, "package.json"));
  const { Miniflare } = require("miniflare") as { Miniflare: NewMiniflare };
  const miniflare = new Miniflare({
    modules: [
      { type: "ESModule", path: join(outDir, "worker.js") },
      { type: "CompiledWasm", path: join(outDir, "engine.wasm") },
    ],
    modulesRoot: outDir,
    compatibilityDate: "2026-01-01",
    durableObjects: { LOG: { className: "LogObject", useSQLite: true } },
    durableObjectsPersist: data,
    port: 0,
  });
  return { url: await miniflare.ready, stop: () => miniflare.dispose() };
}

beforeAll(async () => {
  await installRuntimes();
  await bundleWorker({ root, outDir });
  data = await mkdtemp(join(tmpdir(), "rivulet-worker-"));
});
afterAll(() => rm(data, { recursive: true, force: true }));

describe("a gateway in a Durable Object", () => {
  test("keeps the contract of stores in the object's SQLite", async () => {
    const worker = await startWorker();
    try {
      const ended = (await (await fetch(new URL("/contract", worker.url))).json()) as Ended[];
      expect(ended.filter(({ failure }) => failure !== undefined)).toEqual([]);
      expect(ended.filter(({ skipped }) => skipped !== undefined)).toEqual([]);
      expect(ended.length).toBeGreaterThan(15);
    } finally {
      await worker.stop();
    }
  });

  test("gives the same offsets and bytes after the runtime was started again", async () => {
    const batches = CODECS.map((codec) =>
      batchOf(["one", "two", `three ${"x".repeat(5000)}`], undefined, codec),
    );
    const values = CODECS.flatMap((_, at) =>
      ["one", "two", `three ${"x".repeat(5000)}`].map((value, index) => `${at * 3 + index} ${value}`),
    );

    let worker = await startWorker();
    let client = await ProtocolClient.webSocket(Number(worker.url.port));
    await createTopic(client, "edge", 2);
    for (const [at, batch] of batches.entries()) {
      const answer = await produceTo(client, "edge", batch, { partition: 1 });
      expect([answer.errorCode, answer.baseOffset]).toEqual([ErrorCode.NONE, BigInt(at * 3)]);
    }
    const before = await fetchFrom(client, "edge", 0n, { partition: 1 });
    expect(before.values).toEqual(values);
    await client.close();
    await worker.stop();

    worker = await startWorker();
    client = await ProtocolClient.webSocket(Number(worker.url.port));
    try {
      const after = await fetchFrom(client, "edge", 0n, { partition: 1 });
      expect(after.highWatermark).toBe(BigInt(values.length));
      expect(Buffer.compare(after.records ?? Buffer.alloc(0), before.records ?? Buffer.alloc(1))).toBe(0);
      const next = await produceTo(client, "edge", batchOf(["four"]), { partition: 1 });
      expect(next.baseOffset).toBe(BigInt(values.length));
      const bad = batchOf(["five"]);
      bad[bad.length - 1] = 0x77;
      expect((await produceTo(client, "edge", bad, { partition: 1 })).errorCode).toBe(
        ErrorCode.CORRUPT_MESSAGE,
      );
    } finally {
      await client.close();
      await worker.stop();
    }
  });
});
