import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as format from "../../engine-as/format.ts";
import * as status from "../../engine-as/status.ts";
import {
  CODEC_GZIP,
  CODEC_LZ4,
  CODEC_SNAPPY,
  CODEC_ZSTD,
  DESCRIPTOR_BYTES,
  HEAP_AT,
  MEMORY_BYTES_MAX,
  SCAN_STATE_BYTES,
  SLACK_BYTES,
} from "../../engine-as/format.ts";
import { comparable, options, utf8 } from "./batches.ts";
import { engineKinds, loadEngine, loadModule } from "./load.ts";

const text = readFileSync(new URL("../../engine-as/FORMAT.md", import.meta.url), "utf8");

/** The bytes of a block of hex: each line up to the two spaces before its comment. */
function example(name: string): Uint8Array {
  const block = new RegExp(`\`\`\`hex ${name}\n([^\`]*)\`\`\``).exec(text)?.[1];
  if (block === undefined) throw new Error(`FORMAT.md has no example ${name}`);
  const lines = block.trimEnd().split("\n");
  return Uint8Array.from(
    Buffer.from(lines.map((line) => line.split("  ")[0]?.replaceAll(" ", "")).join(""), "hex"),
  );
}

const RECORDS = [
  {
    key: utf8("o-17"),
    value: utf8("paid"),
    timestamp: 1_760_000_000_000,
    headers: [{ key: "trace", value: utf8("a1") }],
  },
  { key: null, value: new Uint8Array(0), timestamp: 1_759_999_999_997 },
];

describe.each(engineKinds)("FORMAT.md, %s build", (kind) => {
  const engine = loadEngine(kind);

  test("the worked example is the batch that the engine writes, and reads as the page says", () => {
    const batch = example("batch");
    const producer = { producerId: 7n, producerEpoch: 1, baseSequence: 40 };
    expect(engine.writeBatch(RECORDS, options(producer))).toEqual(batch);
    expect(engine.checkBatch(batch, true, 0)).toBe(batch.length);
    expect(comparable(engine.readBatch(batch, 0))).toEqual(comparable(RECORDS));
  });

  test("the gzip example is the member that the engine writes and reads", () => {
    const member = example("gzip");
    const data = utf8("abc".repeat(10));
    expect(engine.compress(CODEC_GZIP, data)).toEqual(member);
    expect(engine.decompress(CODEC_GZIP, member, 100)).toEqual(data);
  });

  test("the Snappy example is the frame that the engine writes and reads", () => {
    const frame = example("snappy");
    const data = utf8("abc".repeat(10));
    expect(engine.compress(CODEC_SNAPPY, data)).toEqual(frame);
    expect(engine.decompress(CODEC_SNAPPY, frame, 100)).toEqual(data);
  });

  test("the LZ4 example is the frame that the engine writes and reads", () => {
    const frame = example("lz4");
    const data = utf8("abc".repeat(10));
    expect(engine.compress(CODEC_LZ4, data)).toEqual(frame);
    expect(engine.decompress(CODEC_LZ4, frame, 100)).toEqual(data);
  });

  test("the Zstandard example is the frame that the engine writes and reads", () => {
    const frame = example("zstd");
    const data = utf8("abc".repeat(10));
    expect(engine.compress(CODEC_ZSTD, data)).toEqual(frame);
    expect(engine.decompress(CODEC_ZSTD, frame, 100)).toEqual(data);
  });

  test("the index entries are found by what the page says of them", () => {
    expect(engine.lookupOffset(example("index"), 339)).toBe(6700);
    expect(engine.lookupOffset(example("index"), 338)).toBe(0);
    expect(engine.lookupTime(example("timeindex"), 1_760_000_000_001n)).toBe(339);
    expect(engine.lookupTime(example("timeindex"), 1_760_000_000_000n)).toBe(0);
  });

  test("every export stands on the page", () => {
    for (const { name, kind: what } of WebAssembly.Module.exports(loadModule(kind))) {
      if (what === "function") expect(text, name).toContain(`\n${name}(`);
    }
  });
});

test("numbers on the page are those of the code", () => {
  for (const [name, value] of Object.entries(status))
    if (value < 0) expect(text).toContain(`| ${value} ${name} `);
  expect(text).toContain(`| ${HEAP_AT} | \`HEAP_AT\``);
  expect(text).toContain(`${SLACK_BYTES} bytes (\`SLACK_BYTES\`)`);
  expect(text).toContain(`${MEMORY_BYTES_MAX / 2 ** 20} MiB (\`MEMORY_BYTES_MAX\`)`);
  expect(text).toContain(`A scan's state (${SCAN_STATE_BYTES} bytes)`);
  expect(text).toContain(`descriptor of ${DESCRIPTOR_BYTES} bytes`);
});

/** Each field of the page's tables and where it stands, in the names of format.ts. */
function fieldsOf(table: string, prefix: string): { places: Record<string, number>; size: number } {
  const lines = new RegExp(`\n${table} :=[^\n]*\n((?: {3}\\w+: [^\n]*\n)+)`).exec(text)?.[1] ?? "";
  const places: Record<string, number> = {};
  let size = 0;
  for (const [, name = "", bits] of lines.matchAll(/^ {3}(\w+): u?int(32|64)/gm)) {
    const constant = name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
    if (name !== "unused") places[`${prefix}${constant}_AT`] = size;
    size += Number(bits) / 8;
  }
  return { places, size };
}

test.each([
  ["descriptor", "DESCRIPTOR_", format.DESCRIPTOR_BYTES],
  ["headerEntry", "HEADER_", format.HEADER_ENTRY_BYTES],
  ["state", "SCAN_", format.SCAN_STATE_BYTES],
  ["scanned", "SCANNED_", format.SCANNED_BYTES],
])("the table of a %s is that of the code", (table, prefix, bytes) => {
  const { places, size } = fieldsOf(table, prefix);
  const known = Object.entries(format).filter(
    ([name]) =>
      name.startsWith(prefix) && name.endsWith("_AT") && (prefix !== "SCAN_" || !name.startsWith("SCANNED_")),
  );
  expect(places).toEqual(Object.fromEntries(known));
  expect(size).toBe(bytes);
});
