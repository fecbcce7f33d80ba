/** Records that an app publishes in one go, packed into a run: what they have of text is encoded together. */
import type { RecordHeader } from "../../log/record.ts";
import { RUN_NUMBERS } from "../../sync/record-run.ts";
import type { RecordRun } from "../../sync/record-run.ts";

/** A record whose texts are not bytes yet. */
export interface TextRecord {
  readonly key: Uint8Array | string | null;
  readonly value: Uint8Array | string | null;
  readonly headers: readonly RecordHeader[];
  /** Milliseconds since the epoch; not there when the app gave none. */
  readonly timestamp?: number;
}

const encoder = new TextEncoder();
/** Characters that are encoded together. */
const TOGETHER_MAX = 32 * 1024;
/** UTF-8 bytes of one UTF-16 code unit at most. */
const UTF8_BYTES_MAX = 3;

export function packRecords(records: readonly TextRecord[]): RecordRun {
  const packer = new Packer(records.length * RUN_NUMBERS);
  for (const [index, { key, value, timestamp = Number.NaN }] of records.entries()) {
    packer.add(index * RUN_NUMBERS, key);
    packer.add(index * RUN_NUMBERS + 1, value);
    packer.numbers[index * RUN_NUMBERS + 2] = timestamp;
  }
  const hasHeaders = records.some(({ headers }) => headers.length > 0);
  return {
    bytes: packer.finish(),
    numbers: packer.numbers,
    headers: hasHeaders ? records.map(({ headers }) => headers) : undefined,
  };
}

class Packer {
  readonly numbers: Float64Array<ArrayBuffer>;
  private buffer = new Uint8Array(0);
  private length = 0;
  /** Not encoded yet, and the places of their numbers. */
  private texts: string[] = [];
  private places: number[] = [];
  private characters = 0;

  constructor(numbers: number) {
    this.numbers = new Float64Array(numbers);
  }

  add(place: number, content: Uint8Array | string | null): void {
    if (typeof content !== "string") {
      if (content !== null && content.length > 0) this.addBytes(content);
      this.numbers[place] = content?.length ?? -1;
      return;
    }
    this.texts.push(content);
    this.places.push(place);
    this.characters += content.length;
    if (this.characters >= TOGETHER_MAX) this.encodeTexts();
  }

  /** In memory of their own. */
  finish(): Uint8Array<ArrayBuffer> {
    this.encodeTexts();
    return this.buffer.slice(0, this.length);
  }

  private addBytes(bytes: Uint8Array): void {
    this.encodeTexts();
    this.reserve(bytes.length).set(bytes);
    this.length += bytes.length;
  }

  /**
   * Text that takes as many bytes as it has characters is all ASCII: where each text ends is known then. Other texts are encoded
   * one by one, also because halves of a character that end one and begin the next are no character.
   */
  private encodeTexts(): void {
    const { texts, places, characters } = this;
    [this.texts, this.places, this.characters] = [[], [], 0];
    if (characters > 0) {
      const { read, written } = encoder.encodeInto(texts.join(""), this.reserve(characters));
      if (read === characters && written === characters) {
        for (const [index, text] of texts.entries()) this.numbers[places[index] ?? 0] = text.length;
        this.length += characters;
        return;
      }
    }
    for (const [index, text] of texts.entries()) this.numbers[places[index] ?? 0] = this.encodeOne(text);
  }

  /** Answers how many bytes it takes. */
  private encodeOne(text: string): number {
    if (text.length <= TOGETHER_MAX) {
      const { written } = encoder.encodeInto(text, this.reserve(text.length * UTF8_BYTES_MAX));
      this.length += written;
      return written;
    }
    const bytes = encoder.encode(text);
    this.reserve(bytes.length).set(bytes);
    this.length += bytes.length;
    return bytes.length;
  }

  /** Room for so many bytes more. */
  private reserve(bytes: number): Uint8Array<ArrayBuffer> {
    const end = this.length + bytes;
    if (end > this.buffer.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.buffer.length));
      larger.set(this.buffer.subarray(0, this.length));
      this.buffer = larger;
    }
    return this.buffer.subarray(this.length, end);
  }
}
