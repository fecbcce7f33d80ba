import { crc32 } from "@node-rs/crc32";

/** Bits as DEFLATE packs them: numbers with their lowest bit first, codes with their highest. */
export class BitWriter {
  private readonly bits: number[] = [];

  number(value: number, count: number): this {
    for (let bit = 0; bit < count; bit++) this.bits.push((value >>> bit) & 1);
    return this;
  }

  /** A code as the RFC writes it: "00110000". */
  code(code: string): this {
    for (const bit of code) this.bits.push(bit === "1" ? 1 : 0);
    return this;
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(Math.ceil(this.bits.length / 8));
    for (const [at, bit] of this.bits.entries()) bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (bit << (at & 7));
    return bytes;
  }
}

/** The order in which the lengths of the precode are sent. */
const PRECODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** The codes that lengths stand for, RFC 1951, 3.2.2; of lengths that make none, whatever comes out. */
export function codesOf(lengths: readonly number[]): string[] {
  const codes: string[] = lengths.map(() => "");
  let next = 0;
  for (let length = 1; length <= 15; length++) {
    next *= 2;
    for (const [symbol, each] of lengths.entries()) {
      if (each === length) codes[symbol] = (next++).toString(2).padStart(length, "0").slice(-length);
    }
  }
  return codes;
}

/** The head of a dynamic block; the lengths are sent one by one unless the `items` that send them are given. */
export interface DynamicParts {
  readonly literals: readonly number[];
  readonly distances: readonly number[];
  readonly precode?: readonly number[];
  readonly items?: readonly (readonly [symbol: number, extra?: number, extraBits?: number])[];
  /** Of the counts in the head; taken from the lists above if not given. */
  readonly literalsCount?: number;
  readonly distancesCount?: number;
}

/** Nineteen symbols: 13 codes of 4 bits, 6 of 5. */
const PRECODE = [4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5];

/** Begins a last block with codes of its own. */
export function dynamicHead(parts: DynamicParts): BitWriter {
  const precode = parts.precode ?? PRECODE;
  const codes = codesOf(precode);
  const writer = new BitWriter().number(1, 1).number(2, 2);
  writer.number((parts.literalsCount ?? parts.literals.length) - 257, 5);
  writer.number((parts.distancesCount ?? parts.distances.length) - 1, 5).number(19 - 4, 4);
  for (const symbol of PRECODE_ORDER) writer.number(precode[symbol] ?? 0, 3);
  const items = parts.items ?? [...parts.literals, ...parts.distances].map((length) => [length] as const);
  for (const [symbol, extra = 0, extraBits = 0] of items) {
    writer.code(codes[symbol] ?? "").number(extra, extraBits);
  }
  return writer;
}

/** Code lengths of `count` symbols, of which the named ones occur. */
export function lengthsOf(count: number, named: Readonly<Record<number, number>>): number[] {
  return Array.from({ length: count }, (_, symbol) => named[symbol] ?? 0);
}

export interface MemberParts {
  readonly deflated: Uint8Array;
  readonly content: Uint8Array;
  readonly flags?: number;
  /** What stands between the fixed part of the header and the data. */
  readonly optional?: Uint8Array;
}

/** A gzip member, its trailer made from the content. */
export function member(parts: MemberParts): Uint8Array {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(parts.content), 0);
  trailer.writeUInt32LE(parts.content.length, 4);
  const header = Uint8Array.of(0x1f, 0x8b, 8, parts.flags ?? 0, 0, 0, 0, 0, 0, 255);
  return new Uint8Array(
    Buffer.concat([header, parts.optional ?? new Uint8Array(0), parts.deflated, trailer]),
  );
}

/** A last block that stores up to 65535 bytes. */
export function stored(content: Uint8Array, isLast = true): Uint8Array {
  const head = Buffer.alloc(5);
  head.writeUInt8(isLast ? 1 : 0, 0);
  head.writeUInt16LE(content.length, 1);
  head.writeUInt16LE(content.length ^ 0xffff, 3);
  return new Uint8Array(Buffer.concat([head, content]));
}
