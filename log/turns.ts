/** Runs tasks one after the other, in the order they were asked for; one that fails does not stop the next. */
export class Turns {
  private last: Promise<unknown> = Promise.resolve();

  take<T>(task: () => Promise<T>): Promise<T> {
    const done = this.last.then(task, task);
    this.last = done.catch(() => {});
    return done;
  }

  /** Resolves when everything asked for so far is done. */
  async idle(): Promise<void> {
    await this.last;
  }
}

/** Runs `task` for every item, at most `max` of them at once; the first failure is thrown when all have settled. */
export async function forEachAtMost<T>(
  max: number,
  items: Iterable<T>,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) await task(next.value);
  };
  const workers = await Promise.allSettled(Array.from({ length: max }, worker));
  const failed = workers.find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** Begins all tasks at once; the first failure is thrown when all have settled. */
export function sideBySide(tasks: readonly (() => Promise<void>)[]): Promise<void> {
  return forEachAtMost(tasks.length, tasks, (task) => task());
}
