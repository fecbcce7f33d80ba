/**
 * Writes the primitive types of Kafka's protocol into a buffer that grows. Large byte arrays are not copied into it: they
 * become pieces of their own. Values that do not fit their type throw `Malformed`.
 */
import { Malformed } from "./malformed.ts";
import { UUID_BYTES, writeUuid } from "./uuid.ts";

const FIRST_BYTES = 512;
/** Kafka's bound on strings, in every encoding. */
export const STRING_BYTES_MAX = 0x7fff;

const utf8 = new TextEncoder();

export class Writer {
  private buffer: Uint8Array;
  private view: DataView;
  private at = 0;
  /** Where in `buffer` the bytes begin that are in no piece yet. */
  private pieceAt = 0;
  private readonly pieces: Uint8Array[] = [];
  private pieceBytes = 0;

  constructor(bytes = FIRST_BYTES) {
    this.buffer = new Uint8Array(bytes);
    this.view = new DataView(this.buffer.buffer);
  }

  /** Bytes written so far. */
  get size(): number {
    return this.pieceBytes + this.at - this.pieceAt;
  }

  int8(value: unknown): void {
    const checked = this.integer(value, -0x80, 0x7f);
    const at = this.reserve(1);
    this.view.setInt8(at, checked);
  }

  int16(value: unknown): void {
    const checked = this.integer(value, -0x8000, 0x7fff);
    const at = this.reserve(2);
    this.view.setInt16(at, checked);
  }

  int32(value: unknown): void {
    const checked = this.integer(value, -0x80000000, 0x7fffffff);
    const at = this.reserve(4);
    this.view.setInt32(at, checked);
  }

  int64(value: unknown): void {
    if (typeof value !== "bigint" || BigInt.asIntN(64, value) !== value)
      this.fail("is no 64-bit integer", value);
    const at = this.reserve(8);
    this.view.setBigInt64(at, value);
  }

  bool(value: unknown): void {
    if (typeof value !== "boolean") this.fail("is no boolean", value);
    const at = this.reserve(1);
    this.view.setInt8(at, value ? 1 : 0);
  }

  uuid(value: unknown): void {
    const at = this.reserve(UUID_BYTES);
    if (typeof value !== "string" || !writeUuid(value, this.view, at)) {
      this.fail("is no uuid of 22 url-safe base64 characters", value);
    }
  }

  /** 0 to 2^32 - 1. */
  unsignedVarint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      const at = this.reserve(1);
      this.view.setUint8(at, (rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    const at = this.reserve(1);
    this.view.setUint8(at, rest);
  }

  /** The string's UTF-8, after `writeLength` has written how many bytes that is. */
  text(value: unknown, writeLength: (writer: Writer, length: number) => void): void {
    if (typeof value !== "string") this.fail("is no string", value);
    if (value.length > STRING_BYTES_MAX) this.fail(`is longer than ${STRING_BYTES_MAX} bytes`, value.length);
    if (isAscii(value)) {
      writeLength(this, value.length);
      const at = this.reserve(value.length);
      for (let i = 0; i < value.length; i++) this.buffer[at + i] = value.charCodeAt(i);
      return;
    }
    const bytes = utf8.encode(value);
    if (bytes.length > STRING_BYTES_MAX) this.fail(`is longer than ${STRING_BYTES_MAX} bytes`, bytes.length);
    writeLength(this, bytes.length);
    this.copy(bytes);
  }

  copy(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.buffer.set(bytes, at);
  }

  /** Adds bytes as a piece of their own, uncopied: they may not change until the pieces have been sent. */
  passThrough(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.endPiece();
    this.addPiece(bytes);
  }

  /** Everything written, in order. The writer is not to be used any more. */
  finish(): Uint8Array[] {
    this.endPiece();
    return this.pieces;
  }

  fail(message: string, value: unknown): never {
    throw new Malformed(`${nameOf(value)} ${message}`, this.size);
  }

  private integer(value: unknown, min: number, max: number): number {
    if (typeof value === "number" && value >= min && value <= max && Number.isInteger(value)) return value;
    return this.fail(`is no integer from ${min} to ${max}`, value);
  }

  private endPiece(): void {
    if (this.at > this.pieceAt) this.addPiece(this.buffer.subarray(this.pieceAt, this.at));
    this.pieceAt = this.at;
  }

  private addPiece(bytes: Uint8Array): void {
    this.pieces.push(bytes);
    this.pieceBytes += bytes.length;
  }

  /**
   * Makes room for `length` bytes and answers where they go. The buffer may be another one afterwards, so ask first and
   * name it then. Pieces that are finished keep the old one.
   */
  private reserve(length: number): number {
    if (this.at + length > this.buffer.length) {
      const unfinished = this.buffer.subarray(this.pieceAt, this.at);
      this.buffer = new Uint8Array(Math.max(2 * this.buffer.length, unfinished.length + length));
      this.buffer.set(unfinished);
      this.view = new DataView(this.buffer.buffer);
      this.pieceAt = 0;
      this.at = unfinished.length;
    }
    const at = this.at;
    this.at = at + length;
    return at;
  }
}

/** One array with the bytes of all pieces. */
export function joinPieces(pieces: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

function nameOf(value: unknown): string {
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "string" && value.length > 40 ? `${value.slice(0, 40)}...` : String(value);
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
