/** Zstandard frames: damage in blocks, in headers and between frames, with sizes and checksums set right again. */
import type { Zstd } from "@hpcc-js/wasm-zstd";
import { decompress } from "fzstd";
import { CODEC_ZSTD } from "../../engine-as/format.ts";
import { loadEngine } from "../engine/load.ts";
import { concat, uint32 } from "../engine/lz4-reference.ts";
import type { Random } from "../engine/random.ts";
import { block, type BlockType, frame, littleEndian, type FrameParts } from "../engine/zstd-reference.ts";
import type { CodecInputs } from "./codec-target.ts";
import { contents } from "./contents.ts";
import { edge, mutated, pick } from "./mutate.ts";

const NATIVE_BYTES_MAX = 1 << 20;
const CONTENT_BYTES_MAX = 300_000;
const BLOCK_BYTES_MAX = 128 * 1024;
/** Beyond it libzstd wants to be asked first. */
const WINDOW_BYTES_MAX = 2 ** 27;
/** The checksum here is not made for long ones. */
const CHECKED_BYTES_MAX = 2000;
const TYPES: readonly BlockType[] = ["raw", "rle", "compressed", "reserved"];
/** Of what is in front of the content size. */
const MAGIC_BYTES = 4;

interface Block {
  readonly type: BlockType;
  readonly bytes: Uint8Array;
  /** What its header says, when that is not how many bytes it has. */
  readonly size?: number;
}

interface Layout {
  /** Bytes of the header, magic and all. */
  readonly header: number;
  /** What the frame says it holds; undefined: it does not. */
  readonly size: number | undefined;
  /** How far back it says that matches reach; undefined: to its start. */
  readonly window: number | undefined;
}

/** What a frame's header says, RFC 8878, 3.1.1.1. */
function layoutOf(bytes: Uint8Array): Layout {
  const descriptor = bytes[MAGIC_BYTES] ?? 0;
  const isSingle = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >>> 6] ?? 0;
  const at = MAGIC_BYTES + 1 + (isSingle ? 0 : 1) + dictionaryBytes;
  const little = Array.from({ length: sizeBytes }, (_, i) => (bytes[at + i] ?? 0) * 256 ** i);
  const size = little.reduce((sum, each) => sum + each, sizeBytes === 2 ? 256 : 0);
  const byte = bytes[MAGIC_BYTES + 1] ?? 0;
  const base = 2 ** (10 + (byte >>> 3));
  const window = isSingle ? undefined : base + (base / 8) * (byte & 7);
  return { header: at + sizeBytes, size: sizeBytes === 0 ? undefined : size, window };
}

/** The blocks of a sound frame. */
function blocksOf(bytes: Uint8Array): Block[] {
  const blocks: Block[] = [];
  for (let at = layoutOf(bytes).header; ;) {
    const head = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
    const type = TYPES[(head >>> 1) & 3] ?? "reserved";
    const size = head >>> 3;
    const held = type === "rle" ? 1 : size;
    blocks.push({ type, bytes: bytes.slice(at + 3, at + 3 + held), ...(type === "rle" ? { size } : {}) });
    at += 3 + held;
    if ((head & 1) === 1) return blocks;
  }
}

export function zstdInputs(zstd: Zstd): CodecInputs {
  const engine = loadEngine();
  const levels = [-7, 1, 2, 3, 5, 9, 15, 19];
  const frames = contents(0x257d, 144).map((content, at) =>
    zstd.compress(content, levels[at % levels.length]),
  );
  const valid = frames.filter((bytes) => bytes.length > 0).map(blocksOf);
  const compressed = valid.flat().filter((each) => each.type === "compressed");
  const others = valid.flat().map((each) => each.bytes);

  function contentOf(parts: FrameParts): Uint8Array | undefined {
    try {
      return engine.decompress(CODEC_ZSTD, frame(parts), CONTENT_BYTES_MAX);
    } catch {
      return undefined;
    }
  }

  function damagedBlock(each: Block, random: Random): Block {
    if (random.oneIn(10)) return { ...each, type: pick(random, TYPES) };
    if (random.oneIn(20)) return { ...each, size: edge(random) & 0x1fffff };
    if (random.oneIn(2)) {
      // Heads of sections, tables, and the last bits of streams, which are read first.
      const bytes = Uint8Array.from(each.bytes);
      for (let left = 1 + random.below(2); left > 0 && bytes.length > 0; left--) {
        const near = random.below(Math.min(bytes.length, 40));
        const at = random.oneIn(3) ? bytes.length - 1 - near : near;
        bytes[at] = random.oneIn(2) ? random.word() : (bytes[at] ?? 0) ^ (1 << random.below(8));
      }
      return { ...each, bytes };
    }
    return { ...each, bytes: mutated(each.bytes, others, random) };
  }

  function oneFrame(random: Random): Uint8Array {
    const blocks = [...pick(random, valid)];
    if (random.oneIn(2) && compressed.length > 0)
      blocks.splice(random.below(blocks.length + 1), 0, pick(random, compressed));
    const changed = blocks.map((each) =>
      random.oneIn(2 * blocks.length - 1) ? damagedBlock(each, random) : each,
    );
    const parts: FrameParts = {
      blocks: changed.map(({ type, bytes, size }) => block(type, bytes, size)),
      window: random.oneIn(4) ? random.below(256) : 0x38 + random.below(0x20),
    };
    if (!random.oneIn(3)) return frame(parts);
    const content = contentOf(parts) ?? random.bytes(random.below(9));
    const { window, ...single } = parts;
    const size = content.length + (random.oneIn(8) ? edge(random) : 0);
    const sizeBytes =
      size < 256 && random.oneIn(2) ? 1 : size >= 256 && size < 65_792 && random.oneIn(2) ? 2 : 4;
    // A frame with a window writes its size in 2 bytes or more.
    const isSingle = sizeBytes === 1 || random.oneIn(2) || window === undefined;
    return frame({
      ...(isSingle ? single : parts),
      size: [size, random.oneIn(8) ? 8 : sizeBytes],
      ...(random.oneIn(2) && content.length <= CHECKED_BYTES_MAX ? { content } : {}),
      ...(random.oneIn(30) ? { flags: 1 << random.below(8) } : {}),
    });
  }

  function skippable(random: Random): Uint8Array {
    const content = random.bytes(random.below(20));
    const size = random.oneIn(4) ? edge(random) : content.length;
    return concat(uint32(0x184d2a50 + random.below(16)), littleEndian(size, 4), content);
  }

  return {
    codec: CODEC_ZSTD,
    draw: (random) => {
      const first = random.oneIn(8)
        ? mutated(pick(random, frames), others, random, MAGIC_BYTES)
        : oneFrame(random);
      switch (random.below(12)) {
        case 0:
          return concat(first, random.oneIn(2) ? skippable(random) : oneFrame(random));
        case 1:
          return concat(skippable(random), first);
        case 2:
          return first.slice(0, first.length - random.below(8));
        default:
          return first;
      }
    },
    native: (bytes) => {
      // It takes one frame in one piece, and gets memory for what the frame says it holds.
      const { size = 0, window = 0 } = layoutOf(bytes);
      if (
        bytes.length < 9 ||
        bytes[0] !== 0x28 ||
        size > NATIVE_BYTES_MAX ||
        window > WINDOW_BYTES_MAX ||
        isMore(bytes)
      )
        return undefined;
      try {
        return zstd.decompress(bytes);
      } catch {
        return "refused";
      }
    },
    // In one piece libzstd forgives blocks that are larger than the window, and bits that are left over in a stream of
    // literals: RFC 8878 does not, nor does fzstd forgive the second.
    mustTake: (bytes, native) => {
      const { window } = layoutOf(bytes);
      if (window !== undefined && window < BLOCK_BYTES_MAX) return false;
      try {
        return Buffer.compare(decompress(bytes), native) === 0;
      } catch {
        return false;
      }
    },
  };
}

/** Whether there may be another frame behind the first. */
function isMore(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.includes("\xb5\x2f\xfd", 4, "latin1") || buffer.includes("\x2a\x4d\x18", "latin1");
}
