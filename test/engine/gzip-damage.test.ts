import { constants, deflateRawSync, gzipSync, inflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { CODEC_GZIP } from "../../engine-as/format.ts";
import { BAD_FRAME, OUTPUT_FULL } from "../../engine-as/status.ts";
import { damaged } from "./damage.ts";
import { codesOf, dynamicHead, member } from "./gzip-reference.ts";
import { GuardedMemory } from "./guarded.ts";
import { engineKinds, loadExports } from "./load.ts";
import { Random } from "./random.ts";

const ROUNDS = 10_000;
const INPUT_MAX = 200_000;
const OUTPUT_MAX = 200_000;
const HEADER_BYTES = 10;
const EMPTY = new Uint8Array(0);
const STRATEGIES = [
  constants.Z_DEFAULT_STRATEGY,
  constants.Z_FIXED,
  constants.Z_HUFFMAN_ONLY,
  constants.Z_RLE,
];

/** What zlib makes of DEFLATE data, and how much of it it has used. */
function inflatedByZlib(
  bytes: Uint8Array,
  max: number,
): { content: Uint8Array; used: number } | "bad" | "full" {
  try {
    const options = { info: true, maxOutputLength: max } as const;
    // The types know nothing of `info`.
    const { buffer, engine } = inflateRawSync(bytes, options) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    return { content: new Uint8Array(buffer), used: engine.bytesWritten };
  } catch (error) {
    if (error instanceof RangeError) return "full";
    return "bad";
  }
}

describe.each(engineKinds)("damaged gzip, %s build", (kind) => {
  const memory = new GuardedMemory(loadExports(kind), INPUT_MAX + OUTPUT_MAX);

  function read(bytes: Uint8Array, room: number, where: string): { status: number; content: Uint8Array } {
    const [input, output] = memory.lay(bytes, room);
    if (input === undefined || output === undefined) throw new Error("no regions");
    const status = memory.exports.decompress(CODEC_GZIP, input.at, input.bytes, output.at, room);
    if (!memory.isUntouched([input, output], [bytes, room])) expect.fail(`${where}: wrote outside`);
    if (status > room) expect.fail(`${where}: ${status} bytes in a room of ${room}`);
    return { status, content: memory.bytes.subarray(output.at, output.at + Math.max(status, 0)) };
  }

  /** Expects of DEFLATE data what zlib says of it; answers which of the three it was. */
  function expectAsZlib(deflated: Uint8Array, where: string): string {
    const expected = inflatedByZlib(deflated, OUTPUT_MAX);
    if (typeof expected === "string") {
      const { status } = read(member({ deflated, content: EMPTY }), OUTPUT_MAX, where);
      expect(status, where).toBe(expected === "bad" ? BAD_FRAME : OUTPUT_FULL);
      return expected;
    }
    const { content, used } = expected;
    const { status, content: found } = read(
      member({ deflated: deflated.subarray(0, used), content }),
      content.length,
      where,
    );
    if (status < 0) expect.fail(`${where}: answered ${status}`);
    if (Buffer.compare(found, content) !== 0) expect.fail(`${where}: other bytes`);
    return "sound";
  }

  test(`${ROUNDS} damaged members neither trap nor write outside their output`, () => {
    const random = new Random(0x1f8b);
    const sources = Array.from({ length: 60 }, (_, index) => {
      const data = random.text(index % 20 === 0 ? 150_000 : 1 + random.below(3000));
      const options = { level: random.below(10), strategy: STRATEGIES[random.below(4)] ?? 0 };
      return { data, bytes: new Uint8Array(gzipSync(data, options)) };
    });
    const answers = { sound: 0, [BAD_FRAME]: 0, [OUTPUT_FULL]: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      const source = sources[round % 50 === 0 ? random.below(60) : 1 + random.below(19)];
      if (source === undefined) throw new Error("no source");
      const bytes = damaged(source.bytes, random, random.oneIn(20) ? 0 : HEADER_BYTES);
      const room =
        [source.data.length, random.below(source.data.length + 1), 0, OUTPUT_MAX][random.below(4)] ?? 0;
      const where = `round ${round} of seed ${random.seed}`;
      // Sometimes it is but the place where the output ends that differs.
      const { status } = read(random.oneIn(10) ? source.bytes : bytes, room, where);
      if (status >= 0) answers.sound++;
      else if (status === BAD_FRAME || status === OUTPUT_FULL) answers[status]++;
      else expect.fail(`${where}: answered ${status}`);
    }
    expect(Math.min(...Object.values(answers))).toBeGreaterThan(ROUNDS / 100);
  });

  test("damaged data means to the engine what it means to zlib", () => {
    const random = new Random(0xdef1a7e);
    const agreed: Record<string, number> = {};
    for (let round = 0; round < 2000; round++) {
      const data = random.text(1 + random.below(2500));
      const options = { level: 1 + random.below(9), strategy: STRATEGIES[random.below(4)] ?? 0 };
      const sound = new Uint8Array(deflateRawSync(data, options));
      const answer = expectAsZlib(
        random.oneIn(10) ? sound : damaged(sound, random),
        `round ${round} of seed ${random.seed}`,
      );
      agreed[answer] = (agreed[answer] ?? 0) + 1;
    }
    expect(agreed["bad"]).toBeGreaterThan(250);
    expect(agreed["sound"]).toBeGreaterThan(250);
  });

  test("made-up codes are sound to the engine where they are to zlib, and mean the same", () => {
    const random = new Random(0xc0de);
    const agreed: Record<string, number> = {};
    for (let round = 0; round < 2000; round++) {
      const literals = randomLengths(random, 257 + random.below(30));
      const distances = randomLengths(random, 1 + random.below(30));
      if (!random.oneIn(20) && literals[256] === 0) literals[256] = 1 + random.below(15);
      if (!random.oneIn(4)) completed(literals, random);
      if (!random.oneIn(4)) completed(distances, random);
      const writer = dynamicHead({ literals, distances });
      const codes = codesOf(literals);
      for (let symbols = random.below(300); symbols > 0; symbols--)
        writer.number(random.word(), 1 + random.below(32));
      writer.code(codes[256] ?? "").code(codes[256] ?? "");
      const answer = expectAsZlib(writer.bytes(), `round ${round} of seed ${random.seed}`);
      agreed[answer] = (agreed[answer] ?? 0) + 1;
    }
    expect(agreed["bad"]).toBeGreaterThan(250);
    expect(agreed["sound"]).toBeGreaterThan(100);
  });

  test("whatever is compressed stays within the room asked for", () => {
    const random = new Random(0xc0de);
    const { exports } = memory;
    const wide = new GuardedMemory(exports, 2 * INPUT_MAX + 2000);
    for (let round = 0; round < 600; round++) {
      const size = round < 200 ? round : random.below(round % 20 === 0 ? INPUT_MAX : 5000);
      const data = random.oneIn(3) ? random.bytes(size) : random.text(size);
      const room = exports.compressedBytesMax(CODEC_GZIP, size);
      const [input, output] = wide.lay(data, room);
      if (input === undefined || output === undefined) throw new Error("no regions");
      expect(exports.compress(CODEC_GZIP, input.at, size, output.at, room - 1)).toBe(OUTPUT_FULL);
      const status = exports.compress(CODEC_GZIP, input.at, size, output.at, room);
      expect(status).toBeGreaterThan(0);
      if (!wide.isUntouched([input, output], [data, room])) expect.fail(`seed ${random.seed} round ${round}`);
    }
  });
});

/** Lengths of codes for `count` symbols, most of them none. */
function randomLengths(random: Random, count: number): number[] {
  const share = 1 + random.below(40);
  const longest = 1 + random.below(15);
  return Array.from({ length: count }, () => (random.oneIn(share) ? 1 + random.below(longest) : 0));
}

/** Takes codes away and adds others until the set is complete, if there is room for that. */
function completed(lengths: number[], random: Random): void {
  let left = 2 ** 15;
  for (const [symbol, length] of lengths.entries()) {
    if (length === 0) continue;
    const share = 2 ** (15 - length);
    // The end keeps its code, in any case.
    const rest = symbol < 256 && lengths.length > 256 ? 2 ** (15 - (lengths[256] ?? 1)) : 0;
    if (share > left - rest) lengths[symbol] = 0;
    else left -= share;
  }
  for (let tries = 0; tries < 2000 && left > 0; tries++) {
    const symbol = random.below(lengths.length);
    if (lengths[symbol] !== 0) continue;
    // The largest code that fits is a power of two.
    const share = 2 ** Math.floor(Math.log2(left));
    lengths[symbol] = 15 - Math.log2(share) || 1;
    left -= 2 ** (15 - (lengths[symbol] ?? 0));
  }
}
