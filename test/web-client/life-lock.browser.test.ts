/** How a page notices that its worker has ended, by real Web Locks: who holds one here stands for a worker. */
import { expect, test, vi } from "vitest";
import { holdForLife, newLifeLock, whenLifeEnds } from "../../web-client/remote/life-lock.ts";

/** Takes a lock from whoever holds it, as clearing the site's data does, and gives it back. */
async function takeAway(lock: string): Promise<void> {
  await navigator.locks.request(lock, { steal: true }, () => undefined);
}

test("a life-lock that ends though the worker lives (the site's data were cleared) is no death: another one is held, and watched", async () => {
  const controller = new AbortController();
  const held: string[] = [newLifeLock()];
  expect(await holdForLife(held[0] ?? "")).toBe(true);
  const onEnd = vi.fn<() => void>();
  let isAlive = true;
  const hold = (lock: string): Promise<boolean> => {
    if (!isAlive) return new Promise(() => undefined);
    held.push(lock);
    return holdForLife(lock);
  };
  void whenLifeEnds(held[0] ?? "", hold, controller.signal, onEnd);
  for (const times of [1, 2]) {
    await takeAway(held.at(-1) ?? "");
    await vi.waitFor(() => expect(held).toHaveLength(times + 1), { timeout: 10_000 });
  }
  expect(new Set(held).size).toBe(3);
  expect(onEnd).not.toHaveBeenCalled();
  // Now it has ended, and answers no more.
  isAlive = false;
  await vi.waitFor(
    async () => {
      await takeAway(held.at(-1) ?? "");
      expect(onEnd).toHaveBeenCalledOnce();
    },
    { timeout: 20_000, interval: 200 },
  );
});

test("a worker that cannot hold another lock is not watched any more, and not taken for dead; nor is one that is closed", async () => {
  for (const isClosed of [false, true]) {
    const controller = new AbortController();
    const lock = newLifeLock();
    await holdForLife(lock);
    const onEnd = vi.fn<() => void>();
    const asked = vi.fn(() => Promise.resolve(false));
    const watching = whenLifeEnds(lock, asked, controller.signal, onEnd);
    if (isClosed) controller.abort();
    await takeAway(lock);
    await watching;
    expect(asked).toHaveBeenCalledTimes(isClosed ? 0 : 1);
    expect(onEnd).not.toHaveBeenCalled();
  }
});
