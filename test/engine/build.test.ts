import { readFileSync } from "node:fs";
import { brotliCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { HEAP_AT, MEMORY_BYTES_MAX } from "../../engine-as/format.ts";
import { engineExports } from "../../log/wasm-exports.ts";
import { engineKinds, loadExports, loadModule } from "./load.ts";

describe.each(engineKinds)("engine.wasm, %s build", (kind) => {
  test("imports nothing", () => {
    expect(WebAssembly.Module.imports(loadModule(kind))).toEqual([]);
  });

  test("exports its memory and what the host binding needs, and nothing else", () => {
    const names = WebAssembly.Module.exports(loadModule(kind)).map((each) => each.name);
    const instance = new WebAssembly.Instance(loadModule(kind));
    expect(() => engineExports(instance)).not.toThrow();
    expect(names.toSorted()).toEqual(
      [
        "batchSize",
        "checkBatch",
        "checkRecords",
        "compress",
        "compressedBytesMax",
        "crc32c",
        "decompress",
        "lookupOffset",
        "lookupOffsets",
        "lookupTime",
        "lookupTimes",
        "memory",
        "readRecords",
        "rewriteBatch",
        "scanSegment",
        "writeBatch",
      ].toSorted(),
    );
  });

  test("leaves the host's part of memory empty and bounds what it may grow to", () => {
    const { memory } = loadExports(kind);
    const heap = new Uint8Array(memory.buffer).subarray(HEAP_AT);
    expect(heap.every((byte) => byte === 0)).toBe(true);
    expect(() => memory.grow((MEMORY_BYTES_MAX - memory.buffer.byteLength) / 65536 + 1)).toThrow(RangeError);
  });
});

test.each(["engine.wasm", "engine.plain.wasm"])("%s is small enough that no page minds it", (file) => {
  const bytes = readFileSync(new URL(`../../build/${file}`, import.meta.url));
  expect(bytes.length).toBeLessThanOrEqual(64 * 1024);
  // What a server sends that compresses once and for all.
  expect(brotliCompressSync(bytes).length).toBeLessThanOrEqual(20 * 1024);
});

test("another module is refused by name of what it lacks", () => {
  const empty = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
  expect(() => engineExports(new WebAssembly.Instance(empty))).toThrow(/crc32c.*memory/);
});
