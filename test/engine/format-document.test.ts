import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as status from "../../engine-as/status.ts";
import {
  CODEC_LZ4,
  CODEC_SNAPPY,
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
