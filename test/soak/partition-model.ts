/**
 * What one partition must hold: its only producer numbers records from 0, and record n stands at offset n, whatever crashes.
 * What a record is follows from its number, so any reader can be checked record by record, and what compaction may leave out
 * is known, too.
 */
import { ok } from "node:assert/strict";
import { type SoakTopic, TOMBSTONES_STAY_MS, VALUE_BYTES_MAX } from "./topics.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const FILLING = "Grau, teurer Freund, ist alle Theorie. ".repeat(32);
/** One record in so many takes its key away. */
const TOMBSTONE_EVERY = 13;

export interface ModelRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

export class PartitionModel {
  readonly topic: SoakTopic;
  readonly partition: number;
  /** Records that were sealed to be sent: numbers below it may be in the log. */
  next = 0;
  /** Records that were acknowledged: all below this number are in the log. */
  acknowledged = 0;
  acknowledgedBytes = 0;
  /** The log never begins earlier again. */
  logStart = 0;
  private readonly seed: number;
  /** Of each key the last record that was sealed. */
  private readonly last: Int32Array;
  /** First numbers of batches, and when they were sealed. */
  private readonly sealed: { readonly first: number; readonly atMs: number }[] = [];

  constructor(topic: SoakTopic, partition: number, seed: number) {
    this.topic = topic;
    this.partition = partition;
    this.seed = mixed(seed ^ mixed(partition + 1) ^ hashOf(topic.name));
    this.last = new Int32Array(topic.keys).fill(-1);
  }

  get name(): string {
    return `${this.topic.name}-${this.partition}`;
  }

  record(number: number): ModelRecord {
    const key = encoder.encode(`key ${this.keyOf(number)}`);
    if (this.isTombstone(number)) return { key, value: null };
    const length = mixed(this.seed + 3 * number) % (VALUE_BYTES_MAX - 50);
    return { key, value: encoder.encode(`${this.name} ${number} ${FILLING.slice(0, length)}`) };
  }

  /** Takes the next records to be sent. */
  seal(count: number): ModelRecord[] {
    this.sealed.push({ first: this.next, atMs: Date.now() });
    return Array.from({ length: count }, () => {
      const number = this.next++;
      this.last[this.keyOf(number)] = number;
      return this.record(number);
    });
  }

  /** Throws for a record that is not the one of its offset. */
  check(offset: number, key: Uint8Array | null, value: Uint8Array | null): void {
    ok(offset < this.next, `${this.name} has a record at ${offset}, and only ${this.next} were sent`);
    const expected = this.record(offset);
    const isRight = isSame(expected.key, key) && isSame(expected.value, value);
    ok(isRight, `${this.name}: the record at ${offset} is ${shown(key)} = ${shown(value)}`);
  }

  /** Throws when a reader that has read from `from` to `to` has missed what it should have seen between two records. */
  checkMissing(from: number, to: number, nowMs: number): void {
    if (from >= to) return;
    ok(this.topic.compacts, `${this.name}: no records from ${from} to ${to}, and nothing compacts them`);
    for (let number = from; number < to; number++) {
      if ((this.last[this.keyOf(number)] ?? -1) > number) continue;
      const agedMs = nowMs - this.sealedAtMs(number);
      const isOver = this.isTombstone(number) && agedMs >= TOMBSTONES_STAY_MS;
      ok(isOver, `${this.name}: the last record of its key, ${number}, is missing after ${agedMs} ms`);
    }
  }

  /** A reader was told that the log begins at `start`. */
  begins(start: number): void {
    ok(start >= this.logStart, `${this.name} began at ${this.logStart}, and now begins at ${start}`);
    const mayDelete = start === 0 || this.topic.deletes;
    ok(mayDelete, `${this.name} begins at ${start}, and nothing deletes its records`);
    this.logStart = start;
  }

  /**
   * Throws when of a key whose last record is in [from, to) another one was found as its last. `found`: by the key's text.
   * Who took long may have seen an older one and not the tombstone, which by then had gone: `wasQuick` says it did not.
   */
  checkLatest(found: ReadonlyMap<string, number>, from: number, to: number, wasQuick: boolean): void {
    for (const [key, number] of this.last.entries()) {
      if (number < from || number >= to) continue;
      const latest = found.get(`key ${key}`);
      if (latest === number) continue;
      const mayBeGone =
        this.topic.compacts && this.isTombstone(number) && (latest === undefined || !wasQuick);
      ok(mayBeGone, `${this.name}: key ${key} was written last at ${number}, and found at ${latest}`);
    }
  }

  private keyOf(number: number): number {
    return mixed(this.seed + number) % this.topic.keys;
  }

  private isTombstone(number: number): boolean {
    return mixed(this.seed + 7 * number) % TOMBSTONE_EVERY === 0;
  }

  private sealedAtMs(number: number): number {
    let [low, high] = [0, this.sealed.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.sealed[middle]?.first ?? 0) <= number) low = middle + 1;
      else high = middle;
    }
    return this.sealed[low - 1]?.atMs ?? 0;
  }
}

/** A number that looks like chance, the same for the same input. */
function mixed(number: number): number {
  let mix = Math.imul(number ^ (number >>> 16), 0x45d9f3b);
  mix = Math.imul(mix ^ (mix >>> 16), 0x45d9f3b);
  return (mix ^ (mix >>> 16)) >>> 0;
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of encoder.encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}

function isSame(expected: Uint8Array | null, found: Uint8Array | null): boolean {
  if (expected === null || found === null) return expected === found;
  return Buffer.compare(expected, found) === 0;
}

function shown(bytes: Uint8Array | null): string {
  return bytes === null ? "null" : JSON.stringify(decoder.decode(bytes.subarray(0, 60)));
}
