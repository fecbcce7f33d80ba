/** A client's workers, one after the other: when one has ended, another is started, which finds on the device what that one has left. */
import { fullJitterMs } from "../../sync/back-off.ts";
import { errorText } from "../../sync/error-text.ts";
import type { RemoteClient } from "./remote-client.ts";
import type { Running } from "./start-worker.ts";

/** So many that did not live for `STEADY_MS`, or did not even come up, are enough. */
const TRIES_MAX = 8;
const STEADY_MS = 60_000;
/** Before each but the first of them. */
const BACK_OFF = { baseMs: 250, capMs: 30_000 };

/** `start` is told whether the connection is switched off. Resolves when the client is closed, or after it was given up. */
export async function keepAlive(
  client: RemoteClient,
  first: Running,
  start: (isOffline: boolean) => Promise<Running>,
): Promise<void> {
  let tries = 0;
  for (let running = first; ;) {
    const begunAt = performance.now();
    let what = await running.lost;
    if (performance.now() - begunAt > STEADY_MS) tries = 0;
    client.pause(what);
    for (let next: Running | undefined; next === undefined;) {
      if (client.isOver) return;
      if (tries === TRIES_MAX)
        return client.lose(`${what}, and so did others that were started in its place: reload the page`);
      if (tries > 0)
        await new Promise((resolve) => setTimeout(resolve, fullJitterMs(tries, Math.random, BACK_OFF)));
      // It may have been closed meanwhile: another worker would open the stores of a user who has signed out.
      if (client.isOver) return;
      tries += 1;
      try {
        next = await start(client.isSwitchedOff);
        running = next;
      } catch (error) {
        what = `no worker can be started: ${errorText(error)}`;
        // A newer version of the page has used the store: it is left alone.
        if (error instanceof Error && error.name === "VersionError") return client.lose(what);
      }
    }
    client.resume(running);
  }
}
