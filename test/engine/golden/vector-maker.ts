/** Makes golden vectors by asking the engine, and holds it to what their author expects. */
import { LaidOut } from "./run-vectors.ts";
import type { Bytes, NamedBytes, Step, Vector } from "./vectors.ts";

const HEX_BYTES_MAX = 100;

/** A step before its answer is known. */
export interface Ask {
  readonly call: string;
  readonly arguments: readonly (number | string)[];
  /** What the answer must be; any that is not below 0 when left out. */
  readonly expect?: number;
  /** Bytes that must be at the start of regions. */
  readonly after?: Readonly<Record<string, Bytes>>;
  /** How many bytes to record from the start of regions; "answer": as many as were answered. */
  readonly keep?: Readonly<Record<string, number | "answer">>;
}

export function ask(call: string, values: Ask["arguments"], more: Omit<Ask, "call" | "arguments"> = {}): Ask {
  return { call, arguments: values, ...more };
}

/** Short bytes as they are read best, long ones as they take least room. */
export function written(bytes: Uint8Array): Bytes {
  const buffer = Buffer.from(bytes);
  return bytes.length <= HEX_BYTES_MAX ? buffer.toString("hex") : { base64: buffer.toString("base64") };
}

/** The vector of these steps, as the engine answers them; throws when it answers what is not expected. */
export function makeVector(
  instance: WebAssembly.Instance,
  named: NamedBytes,
  name: string,
  regions: Vector["regions"],
  asks: readonly Ask[],
): Vector {
  const memory = new LaidOut(instance, { regions }, named);
  const steps = asks.map((each): Step => {
    const status = memory.call(each.call, each.arguments);
    const isExpected = each.expect === undefined ? status >= 0 : status === each.expect;
    if (!isExpected)
      throw new Error(`${name}: ${each.call} answered ${status}, not ${each.expect ?? ">= 0"}`);
    const kept = Object.entries(each.keep ?? {}).map(([region, length]): [string, Bytes] => [
      region,
      written(memory.read(region, length === "answer" ? status : length)),
    ]);
    const after = { ...each.after, ...Object.fromEntries(kept) };
    const step = { call: each.call, arguments: each.arguments, status };
    return Object.keys(after).length > 0 ? { ...step, after } : step;
  });
  return { name, regions, steps };
}
