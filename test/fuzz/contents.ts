/** What the fuzzer's valid inputs hold. The same every time. */
import { Random } from "../engine/random.ts";

/** Small ones for the most part, so that many are tried in a second. */
export function contents(seed: number, count: number): Uint8Array[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, at) => {
    const size =
      at % 48 === 47 ? 66_000 + random.below(80_000) : at % 6 === 5 ? random.below(9000) : random.below(700);
    switch (at % 5) {
      case 0:
        return random.bytes(Math.min(size, 2000));
      case 1:
        return new Uint8Array(size).fill(random.word());
      case 2:
        return random.bytes(size).map((byte) => 97 + (byte & 7));
      case 3: {
        const lines = Array.from({ length: 1 + size / 40 }, (__, line) =>
          JSON.stringify({
            id: `o-${line}`,
            total: random.below(9999),
            state: ["open", "paid"][random.below(2)],
          }),
        );
        return new TextEncoder().encode(lines.join("\n")).slice(0, size);
      }
      default:
        return random.text(size);
    }
  });
}
