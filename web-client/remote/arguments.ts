/** Signals and functions among the arguments of a request: they stay, and what happens to them is told. */
import { errorForm, errorOf } from "./errors.ts";
import type { Place } from "./messages.ts";

export interface PackedArguments {
  readonly args: readonly unknown[];
  readonly places: readonly Place[];
  /** What has stayed, by place. */
  readonly kept: readonly (AbortSignal | ((...args: never[]) => unknown))[];
}

/** Takes signals and functions out, also those that are properties of an options object. */
export function packArguments(given: readonly unknown[]): PackedArguments {
  const places: Place[] = [];
  const kept: (AbortSignal | ((...args: never[]) => unknown))[] = [];
  const keep = (value: unknown, argument: number, key: string | undefined): boolean => {
    if (value instanceof AbortSignal) {
      const aborted = value.aborted ? { aborted: errorForm(value.reason) } : {};
      places.push({ argument, key, what: "signal", ...aborted });
    } else if (typeof value === "function") places.push({ argument, key, what: "function" });
    else return false;
    kept.push(value as AbortSignal);
    return true;
  };
  const args = given.map((value, argument) => {
    if (keep(value, argument, undefined)) return undefined;
    if (!isOptions(value)) return value;
    return Object.fromEntries(Object.entries(value).filter(([key, part]) => !keep(part, argument, key)));
  });
  return { args, places, kept };
}

export interface UnpackedArguments {
  readonly args: unknown[];
  /** Of the signals, by place. */
  readonly controllers: ReadonlyMap<number, AbortController>;
}

/** Puts signals and functions of this side in their places; `onCall` hears of each call of a function. */
export function unpackArguments(
  packed: readonly unknown[],
  places: readonly Place[],
  onCall: (place: number, args: readonly unknown[]) => void,
): UnpackedArguments {
  const args = [...packed];
  const controllers = new Map<number, AbortController>();
  for (const [index, { argument, key, what, aborted }] of places.entries()) {
    let stand: unknown = (...values: unknown[]) => onCall(index, values);
    if (what === "signal") {
      const controller = new AbortController();
      if (aborted !== undefined) controller.abort(errorOf(aborted));
      controllers.set(index, controller);
      stand = controller.signal;
    }
    if (key === undefined) args[argument] = stand;
    else args[argument] = { ...(args[argument] as object), [key]: stand };
  }
  return { args, controllers };
}

function isOptions(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
