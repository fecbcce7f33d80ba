import { HEAP_AT, SLACK_BYTES } from "../../engine-as/format.ts";
import type { EngineExports } from "../../log/wasm-exports.ts";

const GUARD_BYTES = 1024;
const GUARD = 0xa5;

/** A region of WASM memory. */
export interface Region {
  at: number;
  bytes: number;
}

/**
 * Lays regions out in an engine's memory with canaries before, between and after them, so that a write outside is seen.
 * What lies between is all canary: an engine may read an input's slack, and write nowhere but into its outputs.
 */
export class GuardedMemory {
  readonly exports: EngineExports;
  private readonly canaries = new Uint8Array(GUARD_BYTES).fill(GUARD);

  /** `bytesMax` is what all regions of one call come to at most. */
  constructor(exports: EngineExports, bytesMax: number) {
    this.exports = exports;
    const short = HEAP_AT + bytesMax + SLACK_BYTES + 8 * GUARD_BYTES - exports.memory.buffer.byteLength;
    if (short > 0) exports.memory.grow(Math.ceil(short / 65536));
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.exports.memory.buffer);
  }

  /** Regions for one call, holding their input, or canaries where an output of that size goes. */
  lay(...inputs: readonly (Uint8Array | number)[]): Region[] {
    const bytes = this.bytes;
    let at = HEAP_AT + GUARD_BYTES;
    bytes.fill(GUARD, HEAP_AT, at);
    return inputs.map((input) => {
      const region = { at, bytes: typeof input === "number" ? input : input.length };
      at += region.bytes + GUARD_BYTES;
      bytes.fill(GUARD, region.at, at);
      if (typeof input !== "number") bytes.set(input, region.at);
      return region;
    });
  }

  /** Whether every byte around these regions, and every input among them, is what it was. */
  isUntouched(regions: readonly Region[], inputs: readonly (Uint8Array | number)[]): boolean {
    const bytes = this.bytes;
    return regions.every((region, index) => {
      const input = inputs[index];
      const end = region.at + region.bytes;
      return (
        Buffer.compare(bytes.subarray(region.at - GUARD_BYTES, region.at), this.canaries) === 0 &&
        Buffer.compare(bytes.subarray(end, end + GUARD_BYTES), this.canaries) === 0 &&
        (!(input instanceof Uint8Array) || Buffer.compare(bytes.subarray(region.at, end), input) === 0)
      );
    });
  }
}
