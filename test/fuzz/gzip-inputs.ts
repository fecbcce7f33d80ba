/** gzip members: damage in DEFLATE's streams, most of it in the heads of blocks, with trailers set right again. */
import { constants, crc32, deflateRawSync, gunzipSync, inflateRawSync, type ZlibOptions } from "node:zlib";
import { CODEC_GZIP } from "../../engine-as/format.ts";
import { concat } from "../engine/lz4-reference.ts";
import type { Random } from "../engine/random.ts";
import type { CodecInputs } from "./codec-target.ts";
import { contents } from "./contents.ts";
import { mutated, pick } from "./mutate.ts";

const CONTENT_BYTES_MAX = 1 << 20;
const { Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE, Z_DEFAULT_STRATEGY, Z_SYNC_FLUSH } = constants;
/** The flags of a header, RFC 1952, 2.3.1. */
const [FTEXT, FHCRC, FEXTRA, FNAME, FCOMMENT] = [1, 2, 4, 8, 16];

/** Block types and shapes of codes that zlib makes of the same content. */
const WAYS: readonly ZlibOptions[] = [
  { level: 0 },
  { level: 1 },
  { level: 6 },
  { level: 9 },
  { strategy: Z_FIXED },
  { strategy: Z_HUFFMAN_ONLY },
  { strategy: Z_RLE },
  { level: 9, memLevel: 1 },
  { level: 9, windowBits: 9 },
];

function uint(value: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) & 255);
}

/** A member's header, with some of what may stand in it. */
function header(random: Random): Uint8Array {
  const flags = random.oneIn(3) ? random.below(random.oneIn(10) ? 256 : 32) : 0;
  const text = (): Uint8Array =>
    concat(
      random.bytes(random.below(12)).map((byte) => byte | 1),
      Uint8Array.of(0),
    );
  const pieces = [
    Uint8Array.of(0x1f, 0x8b, 8, flags),
    random.bytes(4),
    Uint8Array.of(random.below(5), random.word()),
  ];
  if (flags & FEXTRA) {
    const extra = random.bytes(random.below(30));
    pieces.push(uint(random.oneIn(8) ? random.below(70_000) : extra.length, 2), extra);
  }
  if (flags & FNAME) pieces.push(text());
  if (flags & FCOMMENT) pieces.push(text());
  const sum = crc32(concat(...pieces)) ^ (random.oneIn(10) ? 1 : 0);
  if (flags & FHCRC) pieces.push(uint(sum & 0xffff, 2));
  return random.oneIn(60) ? mutated(concat(...pieces), [Uint8Array.of(FTEXT)], random) : concat(...pieces);
}

function inflated(body: Uint8Array): Uint8Array | undefined {
  try {
    return inflateRawSync(body, { maxOutputLength: CONTENT_BYTES_MAX });
  } catch {
    return undefined;
  }
}

export function gzipInputs(): CodecInputs {
  const data = contents(0x621b, 72);
  const whole = data.flatMap((content, at) => [
    Uint8Array.from(deflateRawSync(content, WAYS[at % WAYS.length])),
    Uint8Array.from(deflateRawSync(content, { strategy: Z_DEFAULT_STRATEGY })),
  ]);
  /** Ends at a byte and is not the last: others may follow. */
  const open = data.map((content, at) =>
    Uint8Array.from(deflateRawSync(content, { ...WAYS[at % WAYS.length], finishFlush: Z_SYNC_FLUSH })),
  );

  function body(random: Random): Uint8Array {
    const first = random.oneIn(4) ? concat(pick(random, open), pick(random, whole)) : pick(random, whole);
    if (random.oneIn(5)) return first;
    // The head of a block with codes of its own is up to 300 bytes long, and every bit of it means something.
    const from = random.oneIn(3) ? 0 : random.below(Math.min(first.length, 120));
    const result = Uint8Array.from(first);
    if (random.oneIn(3)) return mutated(first, whole, random, from);
    for (let left = 1 + random.below(3); left > 0; left--) {
      const at =
        from + random.below(random.oneIn(4) ? first.length - from : Math.min(first.length - from, 24));
      result[at] = (result[at] ?? 0) ^ (1 << random.below(8));
    }
    return result;
  }

  function member(random: Random): Uint8Array {
    const bytes = body(random);
    const content = inflated(bytes) ?? random.bytes(random.below(20));
    const sum = crc32(content) ^ (random.oneIn(12) ? 1 << random.below(31) : 0);
    const size = content.length + (random.oneIn(12) ? 1 : 0);
    return concat(header(random), bytes, uint(sum >>> 0, 4), uint(size, 4));
  }

  return {
    codec: CODEC_GZIP,
    draw: (random) => {
      const first = member(random);
      switch (random.below(12)) {
        case 0:
          return concat(first, member(random));
        case 1:
          return mutated(first, whole, random);
        case 2:
          return first.slice(0, first.length - random.below(10));
        default:
          return first;
      }
    },
    native: (bytes) => {
      try {
        const content = gunzipSync(bytes, { maxOutputLength: CONTENT_BYTES_MAX });
        // It forgives zeros behind the last member.
        return bytes.at(-1) === 0 && isPadded(bytes, content) ? undefined : content;
      } catch {
        return "refused";
      }
    },
    mustTake: () => true,
  };
}

/** Whether what is left without the last zero is as good to zlib. */
function isPadded(bytes: Uint8Array, content: Uint8Array): boolean {
  try {
    return (
      Buffer.compare(gunzipSync(bytes.subarray(0, -1), { maxOutputLength: CONTENT_BYTES_MAX }), content) === 0
    );
  } catch {
    return false;
  }
}
