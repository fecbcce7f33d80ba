/** Snappy blocks and snappy-java's frames: elements changed and made up, with the length set right again. */
import snappy from "snappy";
import { CODEC_SNAPPY } from "../../engine-as/format.ts";
import { loadEngine } from "../engine/load.ts";
import { concat } from "../engine/lz4-reference.ts";
import type { Random } from "../engine/random.ts";
import { block, chunk, copy, decodeBlock, header, literal } from "../engine/snappy-reference.ts";
import type { CodecInputs } from "./codec-target.ts";
import { contents } from "./contents.ts";
import { edge, mutated, pick } from "./mutate.ts";

const NATIVE_BYTES_MAX = 1 << 20;

interface Element {
  readonly bytes: Uint8Array;
  /** Bytes that it makes. */
  readonly makes: number;
}

/** The elements of a sound block. */
function elementsOf(bytes: Uint8Array): Element[] {
  const elements: Element[] = [];
  let at = 0;
  while ((bytes[at] ?? 0) > 127) at++;
  for (at++; at < bytes.length;) {
    const tag = bytes[at] ?? 0;
    const rest = tag >>> 2;
    const extra = rest - 59;
    const little = (from: number, count: number): number =>
      Array.from({ length: count }, (_, i) => (bytes[from + i] ?? 0) * 256 ** i).reduce(
        (sum, each) => sum + each,
        0,
      );
    let size = [0, 2, 3, 5][tag & 3] ?? 0;
    let makes = (tag & 3) === 1 ? 4 + (rest & 7) : rest + 1;
    if ((tag & 3) === 0) {
      if (extra > 0) makes = little(at + 1, extra) + 1;
      size = 1 + Math.max(extra, 0) + makes;
    }
    elements.push({ bytes: bytes.slice(at, at + size), makes });
    at += size;
  }
  return elements;
}

export function snappyInputs(): CodecInputs {
  const engine = loadEngine();
  const data = contents(0x5a9, 96);
  const native = data.map((content) => Uint8Array.from(snappy.compressSync(content)));
  const valid = native.filter((bytes) => bytes.length < 20_000).map(elementsOf);
  const others = [...native, ...data.map((content) => engine.compress(CODEC_SNAPPY, content))];

  function madeUp(random: Random, made: number): Element {
    if (random.oneIn(2)) {
      const bytes = random.bytes(1 + random.below(random.oneIn(4) ? 300 : 60));
      const lengthBytes = bytes.length > 60 ? 2 + random.below(3) : random.below(5);
      return { bytes: literal(bytes, lengthBytes), makes: bytes.length };
    }
    const kind = pick(random, [1, 2, 4] as const);
    const reach = random.oneIn(8) ? edge(random) : 1 + random.below(Math.max(made, 1));
    const distance = kind === 1 ? reach & 2047 : kind === 2 ? reach & 65535 : reach;
    const makes = kind === 1 ? 4 + random.below(8) : 1 + random.below(64);
    return { bytes: copy(distance, makes, kind), makes };
  }

  function oneBlock(random: Random): Uint8Array {
    if (random.oneIn(6)) return pick(random, others);
    const elements = [...pick(random, valid)];
    for (let left = random.below(4); left > 0; left--) {
      const at = random.below(elements.length + 1);
      const made = elements.slice(0, at).reduce((sum, each) => sum + each.makes, 0);
      switch (random.below(4)) {
        case 0:
          elements.splice(at, 1);
          break;
        case 1:
          elements.splice(at, 0, ...elements.slice(at, at + 1 + random.below(4)));
          break;
        default:
          elements.splice(at, random.below(2), madeUp(random, made));
      }
    }
    const sum = elements.reduce((total, each) => total + each.makes, 0);
    const off = random.oneIn(6) ? (random.oneIn(3) ? edge(random) : random.below(5) - 2) : 0;
    return block(Math.max(sum + off, 0), ...elements.map((each) => each.bytes));
  }

  function oneFrame(random: Random): Uint8Array {
    const pieces = Array.from({ length: random.below(4) }, () => {
      const bytes = oneBlock(random);
      return random.oneIn(8) ? chunk(bytes, edge(random) | 0) : chunk(bytes);
    });
    if (random.oneIn(8)) pieces.splice(random.below(pieces.length + 1), 0, header());
    const head = random.oneIn(8) ? header(edge(random), edge(random)) : header();
    return concat(head, ...pieces);
  }

  return {
    codec: CODEC_SNAPPY,
    draw: (random) => {
      const bytes = random.oneIn(2) ? oneBlock(random) : oneFrame(random);
      return random.oneIn(3) ? mutated(bytes, others, random) : bytes;
    },
    native: (bytes) => {
      if (bytes[0] === 0x82 && bytes[1] === 0x53) return undefined;
      if (declared(bytes) > NATIVE_BYTES_MAX) return undefined;
      try {
        return Buffer.from(snappy.uncompressSync(bytes));
      } catch {
        // It wants four bytes behind the tag of any long literal, the last one of a block, too.
        return decodeBlock(bytes) ?? "refused";
      }
    },
    mustTake: () => true,
  };
}

/** The length that a block says it has. */
function declared(bytes: Uint8Array): number {
  let value = 0;
  for (let at = 0; at < 10; at++) {
    value += ((bytes[at] ?? 0) & 127) * 128 ** at;
    if ((bytes[at] ?? 0) < 128) return value;
  }
  return Number.POSITIVE_INFINITY;
}
