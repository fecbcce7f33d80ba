/** The golden vectors' form, which README.md beside this file describes. Imports nothing of a host. */

/** Hex, base64, a named piece, a repetition, or parts in a row. */
export type Bytes =
  | string
  | { readonly base64: string }
  | { readonly name: string }
  | { readonly repeat: Bytes; readonly times: number }
  | readonly Bytes[];

export interface Step {
  readonly call: string;
  readonly arguments: readonly (number | string)[];
  readonly status: number;
  readonly after?: Readonly<Record<string, Bytes>>;
}

export interface Vector {
  readonly name: string;
  /** Bytes that are handed in, or how many bytes of room there are for an output. */
  readonly regions: Readonly<Record<string, Bytes | number>>;
  readonly steps: readonly Step[];
}

export interface VectorFile {
  readonly bytes: Readonly<Record<string, Bytes>>;
  readonly vectors: readonly Vector[];
}

export type NamedBytes = Readonly<Record<string, Bytes>>;

/** The bytes that an expression stands for. */
export function bytesOf(expression: Bytes, named: NamedBytes): Uint8Array {
  if (typeof expression === "string") {
    const digits = expression.match(/../g) ?? [];
    return Uint8Array.from(digits, (digit) => Number.parseInt(digit, 16));
  }
  if ("base64" in expression) return Uint8Array.from(atob(expression.base64), (char) => char.charCodeAt(0));
  if ("name" in expression) {
    const found = named[expression.name];
    if (found === undefined) throw new Error(`no bytes are named ${expression.name}`);
    return bytesOf(found, named);
  }
  if ("repeat" in expression) {
    const once = bytesOf(expression.repeat, named);
    const all = new Uint8Array(once.length * expression.times);
    for (let at = 0; at < all.length; at += once.length) all.set(once, at);
    return all;
  }
  const parts = expression.map((part) => bytesOf(part, named));
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
