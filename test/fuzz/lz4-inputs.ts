/** LZ4 frames: damage in blocks, descriptors and between frames, with checksums and sizes set right again. */
import lz4 from "lz4-napi";
import { CODEC_LZ4 } from "../../engine-as/format.ts";
import { loadEngine } from "../engine/load.ts";
import { concat, frame, type FrameParts, sequence, uint32, xxh32 } from "../engine/lz4-reference.ts";
import type { Random } from "../engine/random.ts";
import type { CodecInputs } from "./codec-target.ts";
import { contents } from "./contents.ts";
import { edge, mutated, pick } from "./mutate.ts";

const HEADER_BYTES = 7;
const CONTENT_BYTES_MAX = 300_000;
const LZ4_MAGIC = 0x184d2204;

type Block = FrameParts["blocks"][number];

/** The blocks of a frame that has no sizes and no checksums. */
function blocksOf(bytes: Uint8Array): Block[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const blocks: Block[] = [];
  for (let at = HEADER_BYTES; ;) {
    const word = view.getUint32(at, true);
    if (word === 0) return blocks;
    const size = word & 0x7fffffff;
    blocks.push({ bytes: bytes.slice(at + 4, at + 4 + size), stored: word >= 0x80000000 });
    at += 4 + size;
  }
}

export function lz4Inputs(): CodecInputs {
  const engine = loadEngine();
  const valid = contents(0x124, 96).flatMap((content) => [
    blocksOf(engine.compress(CODEC_LZ4, content)),
    blocksOf(Uint8Array.from(lz4.compressFrameSync(Buffer.from(content)))),
  ]);
  const blocks = valid.flat().map((each) => each.bytes);

  /** What these blocks hold when they are sound. */
  function contentOf(parts: FrameParts): Uint8Array | undefined {
    try {
      return engine.decompress(CODEC_LZ4, frame(parts), CONTENT_BYTES_MAX);
    } catch {
      return undefined;
    }
  }

  /** A block of sequences that were made up. */
  function madeUp(random: Random): Uint8Array {
    const pieces = Array.from({ length: 1 + random.below(6) }, () =>
      sequence(random.bytes(random.oneIn(4) ? random.below(300) : random.below(20)), {
        distance: random.oneIn(3) ? edge(random) & 65535 : 1 + random.below(64),
        length: 4 + (random.oneIn(4) ? random.below(2000) : random.below(30)),
      }),
    );
    return concat(...pieces, sequence(random.bytes(random.below(20))));
  }

  function oneFrame(random: Random): Uint8Array {
    const source = pick(random, valid);
    const changed = source.map(({ bytes, stored }): Block => {
      if (random.oneIn(12)) return { bytes: madeUp(random) };
      const isDamaged = random.oneIn(source.length === 1 ? 2 : 4);
      return {
        bytes: isDamaged ? mutated(bytes, blocks, random) : bytes,
        stored: stored !== random.oneIn(30),
      };
    });
    if (random.oneIn(5))
      changed.push(pick(random, changed.length > 0 ? changed : [{ bytes: madeUp(random) }]));
    const parts: FrameParts = {
      blocks: changed,
      blockBytes: random.oneIn(4) ? pick(random, [4, 5, 6, 7] as const) : 4,
      linked: random.oneIn(2),
      blockChecksum: random.oneIn(4),
    };
    if (!random.oneIn(4)) return frame(parts);
    const content = contentOf(parts);
    return frame({
      ...parts,
      content: content ?? random.bytes(8),
      contentSize: random.oneIn(2),
      contentChecksum: random.oneIn(2),
    });
  }

  /** A descriptor with anything in it, and a checksum that says it is right. */
  function descriptorSet(bytes: Uint8Array, random: Random): Uint8Array {
    const result = Uint8Array.from(bytes);
    result[4] = random.oneIn(2) ? random.word() : (result[4] ?? 0) ^ (1 << random.below(8));
    if (random.oneIn(2)) result[5] = random.word();
    const length = 2 + ((result[4] ?? 0) & 8 ? 8 : 0) + ((result[4] ?? 0) & 1 ? 4 : 0);
    result[4 + length] = xxh32(result.subarray(4, 4 + length)) >>> 8;
    return result;
  }

  function skippable(random: Random): Uint8Array {
    const content = random.bytes(random.below(20));
    const size = random.oneIn(4) ? edge(random) >>> 0 : content.length;
    return concat(uint32(0x184d2a50 + random.below(16)), uint32(size), content);
  }

  function draw(random: Random): Uint8Array {
    const first = oneFrame(random);
    switch (random.below(10)) {
      case 0:
        return mutated(first, blocks, random);
      case 1:
        return descriptorSet(first, random);
      case 2:
        return concat(first, random.oneIn(2) ? skippable(random) : oneFrame(random));
      case 3:
        return concat(
          skippable(random),
          first.subarray(0, first.length - (random.oneIn(2) ? random.below(6) : 0)),
        );
      default:
        return first;
    }
  }

  return {
    codec: CODEC_LZ4,
    draw,
    native: (bytes) => {
      // Of several frames it reads the first, and it forgives what is cut off: it is only asked where there is one.
      if (isMore(bytes)) return undefined;
      try {
        return lz4.decompressFrameSync(Buffer.from(bytes));
      } catch {
        return "refused";
      }
    },
    // It forgives what is cut off, and says nothing of what it has not read.
    mustTake: () => false,
  };
}

/** Whether there may be another frame behind the first. */
function isMore(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = Buffer.from(uint32(LZ4_MAGIC));
  return (
    buffer.indexOf(magic) !== 0 ||
    buffer.indexOf(magic, 1) !== -1 ||
    buffer.includes("\x2a\x4d\x18", "latin1")
  );
}
