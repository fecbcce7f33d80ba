/** Runs golden vectors on an instance of the engine, in whatever host this is. */
import { HEAP_AT, SLACK_BYTES } from "../../../engine-as/format.ts";
import { bytesOf, type NamedBytes, type Step, type Vector, type VectorFile } from "./vectors.ts";

/** Filled in around the regions, at least their slack. */
const GUARD_BYTES = 256;
const GUARD = 0xa5;
const PAGE_BYTES = 65536;

interface Region {
  readonly at: number;
  readonly bytes: number;
  /** What was handed in; undefined for an output. */
  input: Uint8Array | undefined;
}

export interface Outcome {
  /** Vectors that were run. */
  readonly vectors: number;
  /** Calls that were made. */
  readonly calls: number;
  /** What was not as it should be, a line each. */
  readonly mismatches: readonly string[];
}

/** Runs every vector of the file on one instance, one after the other. */
export function runVectors(instance: WebAssembly.Instance, file: VectorFile): Outcome {
  const mismatches: string[] = [];
  let calls = 0;
  for (const vector of file.vectors) {
    const memory = new LaidOut(instance, vector, file.bytes);
    for (const [index, step] of vector.steps.entries()) {
      calls++;
      const wrong = memory.take(step);
      mismatches.push(...wrong.map((what) => `${vector.name}, step ${index + 1}, ${step.call}: ${what}`));
    }
  }
  return { vectors: file.vectors.length, calls, mismatches };
}

/** One vector's regions in memory, with guards around them. */
export class LaidOut {
  private readonly exports: WebAssembly.Exports;
  private readonly memory: WebAssembly.Memory;
  private readonly named: NamedBytes;
  private readonly regions = new Map<string, Region>();
  private readonly end: number;

  constructor(instance: WebAssembly.Instance, vector: Pick<Vector, "regions">, named: NamedBytes) {
    this.exports = instance.exports;
    this.memory = this.exports["memory"] as WebAssembly.Memory;
    this.named = named;
    let at = HEAP_AT + GUARD_BYTES;
    for (const [name, given] of Object.entries(vector.regions)) {
      const input = typeof given === "number" ? undefined : bytesOf(given, named);
      const bytes = typeof given === "number" ? given : (input?.length ?? 0);
      this.regions.set(name, { at, bytes, input });
      at += bytes + Math.max(GUARD_BYTES, SLACK_BYTES);
    }
    this.end = at;
    const short = this.end - this.memory.buffer.byteLength;
    if (short > 0) this.memory.grow(Math.ceil(short / PAGE_BYTES));
    const all = this.view(HEAP_AT, this.end - HEAP_AT).fill(GUARD);
    for (const { at: start, input } of this.regions.values()) if (input) all.set(input, start - HEAP_AT);
  }

  /** Makes the call and answers what it answers. */
  call(name: string, values: readonly (number | string)[]): number {
    const call = this.exports[name];
    if (typeof call !== "function") throw new Error(`${name} is not exported`);
    const answer = Number(call(...values.map((value) => this.value(value))));
    return name === "crc32c" ? answer >>> 0 : answer;
  }

  /** The first bytes of a region. */
  read(name: string, length: number): Uint8Array {
    return this.view(this.region(name).at, length).slice();
  }

  /** Makes the step's call; answers what is wrong with its answer or with memory after it. */
  take(step: Step): string[] {
    const status = this.call(step.call, step.arguments);
    const wrong = status === step.status ? [] : [`answered ${status}, not ${step.status}`];
    for (const [name, expression] of Object.entries(step.after ?? {})) {
      const region = this.region(name);
      const expected = bytesOf(expression, this.named);
      const found = this.view(region.at, expected.length);
      const differs = firstDifference(found, expected);
      if (differs >= 0) wrong.push(`${name} differs at byte ${differs} of ${expected.length}`);
      if (region.input) region.input = this.view(region.at, region.bytes).slice();
    }
    return [...wrong, ...this.touched()];
  }

  private value(argument: number | string): number | bigint {
    if (typeof argument === "number") return argument;
    if (argument === "@end") return this.memory.buffer.byteLength;
    if (!/^[@#]/.test(argument)) return BigInt(argument.replace("n", ""));
    const [name = "", plus = "0"] = argument.slice(1).split("+");
    const region = this.region(name);
    return argument.startsWith("#") ? region.bytes : region.at + Number(plus);
  }

  /** Inputs and guards that are not what they were. */
  private touched(): string[] {
    const wrong: string[] = [];
    let before = HEAP_AT;
    const guard = (from: number, to: number, where: string): void => {
      if (this.view(from, to - from).some((byte) => byte !== GUARD)) wrong.push(`wrote ${where}`);
    };
    for (const [name, { at, bytes, input }] of this.regions) {
      guard(before, at, `before ${name}`);
      if (input && firstDifference(this.view(at, bytes), input) >= 0) wrong.push(`changed ${name}`);
      before = at + bytes;
    }
    guard(before, this.end, "behind the last region");
    return wrong;
  }

  private region(name: string): Region {
    const region = this.regions.get(name);
    if (region === undefined) throw new Error(`no region is named ${name}`);
    return region;
  }

  private view(at: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, at, length);
  }
}

/** Where two pieces of the same length differ first; -1: nowhere. */
function firstDifference(found: Uint8Array, expected: Uint8Array): number {
  return expected.findIndex((byte, at) => found[at] !== byte);
}
