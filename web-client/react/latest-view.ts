/** Something that goes on outside of React and is looked at from inside. */
import { useEffect, useState } from "react";

/** So often in a row work is begun anew: as often as workers are. */
const TRIES_MAX = 8;

/** What a view begins with, and how it goes on until `signal` aborts; `show` draws it anew. */
export interface View<T> {
  readonly begin: T;
  readonly run: (show: (value: T) => void, signal: AbortSignal) => Promise<void>;
  readonly failed: (value: T, error: Error) => T;
}

/**
 * Runs a view for as long as the component is mounted, and anew when one of `keys` has changed. In StrictMode it is begun, ended
 * and begun again: what has ended shows nothing any more.
 */
export function useView<T>({ begin, run, failed }: View<T>, keys: readonly unknown[]): T {
  const [shown, setShown] = useState({ keys, value: begin });
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    let value = begin;
    const show = (next: T): void => {
      value = next;
      if (!signal.aborted) setShown({ keys, value });
    };
    run(show, signal).catch((error: unknown) =>
      show(failed(value, error instanceof Error ? error : new Error(String(error)))),
    );
    return () => controller.abort();
    // `keys` say what the view is of; its functions are made anew each time that it is drawn.
  }, keys);
  // What is of other keys is not shown under these.
  const isOfThese = shown.keys.every((key, at) => Object.is(key, keys[at]));
  return isOfThese ? shown.value : begin;
}

/**
 * Does what a worker takes part in, and begins it anew where that has ended: another one is started in its place, and what is asked
 * waits for it. `work` is handed what to call when it has got on.
 */
export async function inAnyWorker<T>(
  signal: AbortSignal,
  work: (gotOn: () => void) => Promise<T>,
): Promise<T> {
  let tries = 0;
  for (;;) {
    try {
      return await work(() => (tries = 0));
    } catch (error) {
      tries += 1;
      const isOfWorker = error instanceof Error && error.name === "NETWORK_EXCEPTION";
      if (signal.aborted || !isOfWorker || tries > TRIES_MAX) throw error;
    }
  }
}
