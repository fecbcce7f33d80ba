/**
 * Reads the primitive types of Kafka's protocol from one message. Every length is held against the bytes that are left
 * before anything is taken; what does not fit throws `Malformed`. Byte arrays come back as views on the message.
 */
import { Malformed } from "./malformed.ts";
import { readUuid, UUID_BYTES } from "./uuid.ts";

/** Below this many bytes a string is put together here; above it TextDecoder is faster. */
const SHORT_STRING_BYTES = 48;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class Reader {
  readonly bytes: Uint8Array;
  /** The next byte to read. */
  at: number;
  private readonly view: DataView;
  private end: number;
  private elementsLeft: number;

  /** `elementsMax` bounds the elements of all arrays together: a byte of message may become a hundred of memory. */
  constructor(bytes: Uint8Array, at: number, elementsMax: number) {
    this.bytes = bytes;
    this.at = at;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.end = bytes.byteLength;
    this.elementsLeft = elementsMax;
  }

  get remaining(): number {
    return this.end - this.at;
  }

  int8(): number {
    return this.view.getInt8(this.take(1));
  }

  int16(): number {
    return this.view.getInt16(this.take(2));
  }

  int32(): number {
    return this.view.getInt32(this.take(4));
  }

  int64(): bigint {
    return this.view.getBigInt64(this.take(8));
  }

  /** Any byte but zero is true, as in Kafka. */
  bool(): boolean {
    return this.view.getInt8(this.take(1)) !== 0;
  }

  uuid(): string {
    return readUuid(this.view, this.take(UUID_BYTES));
  }

  /** At most five bytes, 0 to 2^32 - 1. */
  unsignedVarint(): number {
    const first = this.view.getUint8(this.take(1));
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      const byte = this.view.getUint8(this.take(1));
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    const last = this.view.getUint8(this.take(1));
    if (last > 0x0f) return this.fail("a varint of more than 32 bits");
    return value + last * 2 ** 28;
  }

  /** A length of two bytes; -1 is null. */
  length16(): number {
    return this.checkedLength(this.int16());
  }

  /** A length of four bytes; -1 is null. */
  length32(): number {
    return this.checkedLength(this.int32());
  }

  /** A length as a varint of itself plus one (KIP-482); -1 is null. */
  compactLength(): number {
    return this.unsignedVarint() - 1;
  }

  /** `length` bytes as a view on the message. */
  slice(length: number): Uint8Array {
    const at = this.take(length);
    return this.bytes.subarray(at, at + length);
  }

  /** `length` bytes of UTF-8, which has to be valid. */
  text(length: number): string {
    const at = this.take(length);
    if (length <= SHORT_STRING_BYTES) {
      let text = "";
      let byte = 0;
      for (let i = at; i < at + length && byte < 0x80; i++) {
        byte = this.view.getUint8(i);
        text += String.fromCharCode(byte);
      }
      if (byte < 0x80) return text;
    }
    try {
      return utf8.decode(this.bytes.subarray(at, at + length));
    } catch {
      throw new Malformed("a string that is not UTF-8", at);
    }
  }

  /** Holds an array's count against the bytes that are left, of which an element needs at least `elementBytesMin`. */
  checkCount(count: number, elementBytesMin: number): void {
    if (count * elementBytesMin > this.remaining) {
      this.fail(`an array of ${count} elements in ${this.remaining} bytes`);
    }
    this.elementsLeft -= count;
    if (this.elementsLeft < 0) this.fail(`an array of ${count} elements, too many for one message`);
  }

  /** Runs `read` on the next `length` bytes alone; it has to read them all. */
  limited(length: number, read: () => void): void {
    const end = this.end;
    const limit = this.take(length) + length;
    this.at = limit - length;
    this.end = limit;
    read();
    if (this.at !== limit) this.fail(`${limit - this.at} bytes too many`);
    this.end = end;
  }

  skip(length: number): void {
    this.take(length);
  }

  fail(message: string): never {
    throw new Malformed(message, this.at);
  }

  private checkedLength(length: number): number {
    if (length < -1) this.fail(`a length of ${length}`);
    return length;
  }

  private take(length: number): number {
    const at = this.at;
    if (length > this.end - at) this.fail(`${length} bytes wanted, ${this.end - at} left`);
    this.at = at + length;
    return at;
  }
}
