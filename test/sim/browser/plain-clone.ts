/** `structuredClone` for what stores hold mostly, plain objects, arrays and bytes: the real one goes through a serialized form. */

const realClone = globalThis.structuredClone;

export function plainClone<T>(value: T): T {
  return isPlain(value, 0) ? (copyOf(value) as T) : realClone(value);
}

/** Deeper than this, it may be a circle. */
const DEPTH_MAX = 8;

function isPlain(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null)
    return typeof value !== "function" && typeof value !== "symbol";
  if (depth === DEPTH_MAX) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Uint8Array.prototype) return true;
  if (prototype === Array.prototype) return (value as unknown[]).every((each) => isPlain(each, depth + 1));
  if (prototype !== Object.prototype) return false;
  for (const each of Object.values(value)) if (!isPlain(each, depth + 1)) return false;
  return true;
}

function copyOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return value.slice();
  if (Array.isArray(value)) return value.map(copyOf);
  const copy: Record<string, unknown> = {};
  for (const [name, each] of Object.entries(value)) copy[name] = copyOf(each);
  return copy;
}
