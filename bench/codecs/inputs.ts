/** What the codecs are measured on. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { clickStreamBytes } from "../click-stream.ts";
import { createRandom } from "../random.ts";

const KIB = 1024;
export const SIZES: Readonly<Record<string, number>> = {
  "1 KiB": KIB,
  "16 KiB": 16 * KIB,
  "64 KiB": 64 * KIB,
  "1 MiB": 1024 * KIB,
};
export const LARGEST = 1024 * KIB;

/** The type declarations of Playwright's API and the prose that explains them; the lockfile says which version. */
const TEXT = "node_modules/playwright-core/types/types.d.ts";

export interface Input {
  readonly name: string;
  /** LARGEST bytes; a smaller input is their beginning. */
  readonly bytes: Buffer;
}

export function makeInputs(root: string, seed: number): Input[] {
  const text = readFileSync(join(root, TEXT));
  if (text.length < LARGEST) throw new Error(`${TEXT} has ${text.length} bytes, fewer than ${LARGEST}`);
  return [
    { name: "JSON", bytes: Buffer.from(clickStreamBytes(seed, LARGEST).buffer) },
    { name: "text", bytes: Buffer.from(Uint8Array.from(text.subarray(0, LARGEST)).buffer) },
    { name: "noise", bytes: noise(seed) },
  ];
}

/** Bytes that no codec makes smaller. */
function noise(seed: number): Buffer {
  const random = createRandom(seed);
  const bytes = Buffer.from(new ArrayBuffer(LARGEST));
  for (let at = 0; at < LARGEST; at += 4) bytes.writeUInt32LE(random.below(2 ** 32), at);
  return bytes;
}

export const INPUTS_NOTE =
  `JSON: made-up click-stream events; text: ${TEXT}; noise: seeded bytes that do not get smaller. ` +
  `MB/s are of the bytes that are not compressed; what is decompressed was written by the codec's native library`;
