/** What the gateway tells when it is asked, again and again while it is shown. */
import { useSignal, useSignalEffect, type Signal } from "@preact/signals";
import { useConsole } from "./context.ts";
import { sentence } from "./publishing.ts";

export interface Told<T> {
  /** What was told last; undefined until then. */
  readonly value: T | undefined;
  readonly error: string | undefined;
}

const ASK_MS = 2_000;

/**
 * Asks while there is a connection, and again every `everyMs`. What was told stays while there is none. `ask` is taken as it is
 * when the component appears: give the component a `key` of what is asked for. The answer's second part asks at once.
 */
export function useTold<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  everyMs = ASK_MS,
): readonly [Signal<Told<T>>, () => void] {
  const { connection } = useConsole();
  const told = useSignal<Told<T>>({ value: undefined, error: undefined });
  const asked = useSignal(0);
  useSignalEffect(() => {
    void asked.value;
    if (connection.value.name !== "live") return;
    const controller = new AbortController();
    const { signal } = controller;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const run = async (): Promise<void> => {
      try {
        if (!document.hidden || told.peek().value === undefined)
          told.value = { value: await ask(signal), error: undefined };
      } catch (error) {
        if (!signal.aborted) told.value = { ...told.peek(), error: sentence(error) };
      }
      if (!signal.aborted) timer = setTimeout(() => void run(), everyMs);
    };
    void run();
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  });
  return [told, () => (asked.value += 1)];
}
