/** Several sources as one, each in its own order: whichever has something goes next. */
import { Bell } from "./wait.ts";

/**
 * Takes at most one item ahead of each source. Ends when all have ended; the first failure ends it too. `stop` is called
 * when the reader leaves: it must make the sources end. `more` is handed a function that adds another source.
 */
export async function* merge<T>(
  sources: readonly AsyncIterator<T>[],
  stop: () => void,
  more?: (add: (source: AsyncIterator<T>) => void) => void,
): AsyncGenerator<T, void, void> {
  const ready: { item: T; again: () => void }[] = [];
  const bell = new Bell();
  const open = new Set<AsyncIterator<T>>();
  let running = sources.length;
  let failure: { error: unknown } | undefined;
  const pull = (source: AsyncIterator<T>): void => {
    open.add(source);
    source.next().then(
      ({ done, value }) => {
        if (done === true) {
          running -= 1;
          open.delete(source);
        } else ready.push({ item: value, again: () => pull(source) });
        bell.ring();
      },
      (error: unknown) => {
        failure ??= { error };
        bell.ring();
      },
    );
  };
  try {
    for (const source of sources) pull(source);
    more?.((source) => {
      running += 1;
      pull(source);
    });
    for (;;) {
      const change = bell.next();
      const next = ready.shift();
      if (next !== undefined) {
        yield next.item;
        next.again();
      } else if (failure !== undefined) throw failure.error;
      else if (running === 0) return;
      else await change;
    }
  } finally {
    stop();
    // `stop` ends those that wait for something. One whose item nobody will take has to be told.
    for (const source of open) source.return?.().catch(() => undefined);
  }
}
