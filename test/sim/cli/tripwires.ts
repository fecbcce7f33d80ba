/**
 * While a seed runs nobody may take time, chance or the network from the air: the same seed would be another history the next
 * time, and the product would have a way to the host that is not handed in. Whoever does is named.
 */

/** Of `globalThis`: functions that may not be called, or constructed, at all. */
const FUNCTIONS = [
  "setTimeout",
  "setInterval",
  "fetch",
  "BroadcastChannel",
  "MessageChannel",
  "WebSocket",
  "EventSource",
  "Worker",
] as const;

/** Stamps every event with the time that it was made at, and nobody reads it. */
const EXEMPT = "/node_modules/fake-indexeddb/";
/** Frames that lie between a caller and `isExempt`, and one more. */
const FRAMES = 6;

type Found = (what: string, where: string) => void;

/** Puts the wires up; the answer takes them down. `found` hears of each place once. */
export function putUpTripwires(found: Found): () => void {
  const undo: (() => void)[] = [];
  const seen = new Set<string>();
  const trip = (what: string): void => {
    if (isExempt()) return;
    const where = callerOf(new Error(what));
    if (seen.has(`${what} ${where}`)) return;
    seen.add(`${what} ${where}`);
    found(what, where);
  };
  const replace = (holder: object, name: string, value: unknown): void => {
    const before = Object.getOwnPropertyDescriptor(holder, name);
    Object.defineProperty(holder, name, { value, configurable: true, writable: true, enumerable: true });
    undo.push(() => {
      if (before === undefined) Reflect.deleteProperty(holder, name);
      else Object.defineProperty(holder, name, before);
    });
  };
  const wire = (holder: object, name: string, what: string): void => {
    const real: unknown = Reflect.get(holder, name);
    if (typeof real === "function")
      replace(
        holder,
        name,
        tripping(real, () => trip(what)),
      );
  };
  for (const name of FUNCTIONS) wire(globalThis, name, name);
  wire(Math, "random", "Math.random");
  wire(performance, "now", "performance.now");
  wire(crypto, "getRandomValues", "crypto.getRandomValues");
  wire(crypto, "randomUUID", "crypto.randomUUID");
  replace(globalThis, "Date", trippingDate(trip));
  return () => {
    for (const each of undo.toReversed()) each();
  };
}

/** `real` as it is, but for telling. */
function tripping<F extends object>(real: F, trip: () => void): F {
  return new Proxy(real, {
    apply: (target, self, args) => {
      trip();
      return Reflect.apply(target as never, self, args) as unknown;
    },
    construct: (target, args) => {
      trip();
      return Reflect.construct(target as never, args) as object;
    },
  });
}

/** A date made of a number is only a way to write it: the present is what nobody may ask for. */
function trippingDate(trip: (what: string) => void): DateConstructor {
  return new Proxy(Date, {
    apply: (target) => {
      trip("Date()");
      return target();
    },
    construct: (target, args) => {
      if (args.length === 0) trip("new Date()");
      return Reflect.construct(target, args) as object;
    },
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      return name === "now" ? tripping(value as typeof Date.now, () => trip("Date.now")) : value;
    },
  });
}

/** Whether the call comes from where it does no harm. Often asked, so without the source maps that a stack in words costs. */
function isExempt(): boolean {
  const { stackTraceLimit } = Error;
  const prepare: unknown = Reflect.get(Error, "prepareStackTrace");
  try {
    Error.stackTraceLimit = FRAMES;
    Error.prepareStackTrace = (_, sites) =>
      sites.some((site) => site.getFileName()?.includes(EXEMPT) === true);
    return (new Error().stack as unknown) === true;
  } finally {
    Reflect.set(Error, "prepareStackTrace", prepare);
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** The first line of the stack that is not of this file. */
function callerOf({ stack = "" }: Error): string {
  const lines = stack.split("\n").filter((line) => line.trimStart().startsWith("at "));
  const caller = lines.find((line) => !/tripwires|trip(ping)?\b|Object\.(apply|construct)/.test(line));
  return (caller ?? lines.at(-1) ?? "somewhere").trim();
}
