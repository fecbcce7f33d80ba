/** Starts a worker with a client in it, and notices when the worker is gone. */
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { deferred } from "../../sync/wait.ts";
import type { OfPage, Opening } from "../opening.ts";
import { Channel } from "./channel.ts";
import type { FarClient } from "./client-service.ts";
import { keepAlive } from "./keep-alive.ts";
import { newLifeLock, whenLifeEnds } from "./life-lock.ts";
import { newWorker } from "./new-worker.ts";
import { RemoteClient } from "./remote-client.ts";
import type { WorkerService } from "./worker.ts";

/** What the worker asks of the page. */
export type PageService = {
  token: () => Promise<string>;
  persist: () => Promise<boolean>;
};

/** A worker with a client in it. */
export interface Running {
  readonly far: FarClient;
  /** Resolves with what has happened when the client is there no more, though nobody has closed it. */
  readonly lost: Promise<string>;
  /** Whoever reads has all there is; all that is asked rejects with `error`. */
  readonly end: (error: unknown) => void;
}

/**
 * A client in a worker of its own. undefined: none can be started here (there are no workers, the page's policy or another
 * origin forbids this one, the engine cannot be had there), and the console has been told why. Otherwise rejects as `connect`
 * does.
 */
export async function openInWorker(opening: Opening, page: OfPage): Promise<RemoteClient | undefined> {
  if (typeof Worker === "undefined") return undefined;
  const { signal } = page;
  let isPrepared = false;
  let running: Running;
  try {
    running = await start(opening, page, () => (isPrepared = true));
  } catch (error) {
    signal?.throwIfAborted();
    if (isPrepared) throw error;
    console.warn("rivulet: this client runs in the page, for its worker did not start:", error);
    return undefined;
  }
  const client = new RemoteClient(running, opening.offline);
  signal?.addEventListener("abort", () => void client.close(), { once: true });
  void keepAlive(client, running, (offline) => start({ ...opening, offline }, page));
  return client;
}

/** `onPrepared` is called when what may be missing in a worker is there. */
async function start(opening: Opening, page: OfPage, onPrepared?: () => void): Promise<Running> {
  const worker = newWorker();
  const lost = deferred<string>();
  const failed = deferred<never>();
  failed.promise.catch(() => undefined);
  const over = new AbortController();
  const end = (error: unknown, isOrderly: boolean): void => {
    over.abort();
    channel.close(error, isOrderly);
    worker.terminate();
  };
  const lose = (what: string): void => {
    const error = `${what}: what became of what was under way is not known, nor whether a record was queued whose \`queued\` was open`;
    end(new KafkaError(ErrorCode.NETWORK_EXCEPTION, error), false);
    failed.reject(new Error(what));
    lost.resolve(what);
  };
  const service = {
    token: () => page.tokens?.() ?? Promise.reject(new TypeError("this client has no tokens")),
    persist: page.persist,
  } satisfies PageService;
  const channel = new Channel(worker, service, () => lose("what its worker has said could not be read"));
  // Once there is a client, an error that nobody has caught is the console's, as it is where the client runs in the page.
  worker.addEventListener("error", ({ message }) => {
    failed.reject(new Error(message || "its script could not be loaded, or is not allowed here"));
  });
  const { signal } = page;
  const stop = (): void => failed.reject(signal?.reason);
  signal?.addEventListener("abort", stop, { once: true });
  if (signal?.aborted === true) stop();
  try {
    const far = channel.root<WorkerService>();
    const lock = opening.hasLocks ? newLifeLock() : undefined;
    const isHeld = await Promise.race([far.call("prepare", opening.engineUrl, lock), failed.promise]);
    onPrepared?.();
    if (lock !== undefined && isHeld)
      void whenLifeEnds(
        lock,
        (next) => far.call("hold", next),
        over.signal,
        () => lose("its worker has ended"),
      );
    const opened = await Promise.race([far.call("open", opening), failed.promise]);
    return { far: opened, lost: lost.promise, end: (error) => end(error, true) };
  } catch (error) {
    end(error, true);
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}
