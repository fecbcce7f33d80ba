/** A client's workers, one after the other: when one has ended, another is started, which finds on the device what that one has left. */
import { fullJitterMs } from "../../sync/back-off.ts";
import { errorText } from "../../sync/error-text.ts";
import { aborted } from "../../sync/wait.ts";
import type { RemoteClient } from "./remote-client.ts";
import type { Running } from "./start-worker.ts";

/** So many that did not live for `STEADY_MS`, or did not even come up, are enough. */
const TRIES_MAX = 8;
const STEADY_MS = 60_000;
/** Before each but the first of them. */
const BACK_OFF = { baseMs: 250, capMs: 30_000 };

/** Resolves when the client is closed, and no worker is being started any more; or after it was given up. */
export async function keepAlive(
  client: RemoteClient,
  first: Running,
  start: () => Promise<Running>,
): Promise<void> {
  const { signal } = client;
  const over = aborted(signal).then(() => "");
  let tries = 0;
  for (let running = first; ;) {
    const begunAt = performance.now();
    let what = await Promise.race([running.lost, over]);
    if (performance.now() - begunAt > STEADY_MS) tries = 0;
    for (let next: Running | undefined; next === undefined;) {
      if (signal.aborted) return;
      if (tries === TRIES_MAX)
        return client.lose(`${what}, and so did others that were started in its place: reload the page`);
      client.pause(`${what}; another one is started`);
      if (tries > 0) await Promise.race([pause(tries), over]);
      // It may have been closed meanwhile: another worker would open the stores of a user who has signed out.
      if (signal.aborted) return;
      tries += 1;
      try {
        running = next = await start();
      } catch (error) {
        if (signal.aborted) return;
        what = `no worker can be started: ${errorText(error)}`;
        // A newer version of the page has used the store: it is left alone.
        if (error instanceof Error && error.name === "VersionError") return client.lose(what);
        // Where its script cannot be fetched, that says nothing about it.
        if (!navigator.onLine) {
          client.pause(`${what}; another one is started when the browser is online`);
          await Promise.race([online(), over]);
          tries = 0;
        }
      }
    }
    await client.resume(running);
  }
}

function pause(tries: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, fullJitterMs(tries, Math.random, BACK_OFF)));
}

function online(): Promise<unknown> {
  return new Promise((resolve) => addEventListener("online", resolve, { once: true }));
}
