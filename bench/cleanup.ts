/** Registers what must end when the work is over. */
export type Defer = (end: () => void | Promise<void>) => void;

/** Ends what was begun, last first, whether the work succeeds or not. (Node 20 has no AsyncDisposableStack.) */
export async function withCleanup<Value>(work: (defer: Defer) => Promise<Value>): Promise<Value> {
  const ends: (() => void | Promise<void>)[] = [];
  try {
    return await work((end) => void ends.unshift(end));
  } finally {
    for (const end of ends) await end();
  }
}
