/** Starts a worker with a client in it, and notices when the worker is gone. */
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { deferred, onAbort } from "../../sync/wait.ts";
import type { OfPage, Opening } from "../opening.ts";
import { AskingChannel } from "./asking-channel.ts";
import type { FarClient } from "./client-service.ts";
import { keepAlive } from "./keep-alive.ts";
import { lifeOver, newLifeLock, whenLifeEnds } from "./life-lock.ts";
import { newWorker } from "./new-worker.ts";
import { RemoteClient } from "./remote-client.ts";
import type { WorkerService } from "./worker.ts";

/** What the worker asks of the page. */
export type PageService = {
  token: () => Promise<string>;
  persist: () => Promise<boolean>;
};

/** A worker that says nothing for so long will not do so any more, milliseconds. */
const SILENCE_MS = 30_000;

/** A worker with a client in it. */
export interface Running {
  readonly far: FarClient;
  /** Resolves with what has happened when the client is there no more, though nobody has closed it. */
  readonly lost: Promise<string>;
  /** Whoever reads has all there is; all that is asked rejects with `error`. Resolves when the worker is gone. */
  readonly end: (error: unknown) => Promise<void>;
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
    running = await start(opening, page, { signal, onPrepared: () => (isPrepared = true) });
  } catch (error) {
    signal?.throwIfAborted();
    if (isPrepared) throw error;
    console.warn("rivulet: this client runs in the page, for its worker did not start:", error);
    return undefined;
  }
  const client = new RemoteClient(running, opening.offline);
  signal?.addEventListener("abort", () => void client.close(), { once: true });
  client.keeping = keepAlive(client, running, () =>
    start({ ...opening, offline: client.isSwitchedOff }, page, {
      signal: client.signal,
      isDurable: client.storage === "indexeddb",
    }),
  );
  return client;
}

interface StartOptions {
  /** Ends it, as long as it has not started. */
  readonly signal: AbortSignal | undefined;
  /** Is called when what may be missing in a worker is there. */
  readonly onPrepared?: () => void;
  /** A client was there before it, whose records outlive the tab: one in memory would not be the same. */
  readonly isDurable?: boolean;
}

/** Rejects once the worker is gone. */
async function start(
  opening: Opening,
  page: OfPage,
  { signal, onPrepared, isDurable }: StartOptions,
): Promise<Running> {
  const worker = newWorker();
  let lock = opening.hasLocks ? newLifeLock() : undefined;
  const lost = deferred<string>();
  const failed = deferred<never>();
  failed.promise.catch(() => undefined);
  const over = new AbortController();
  const end = async (error: unknown, isOrderly: boolean): Promise<void> => {
    over.abort();
    channel.close(error, isOrderly);
    worker.terminate();
    if (lock !== undefined) await lifeOver(lock);
  };
  const lose = (what: string): void => {
    const error = `${what}: what became of what was under way is not known, nor whether a record was queued whose \`queued\` was open`;
    void end(new KafkaError(ErrorCode.NETWORK_EXCEPTION, error), false);
    failed.reject(new Error(what));
    lost.resolve(what);
  };
  const service = {
    token: () => page.tokens?.() ?? Promise.reject(new TypeError("this client has no tokens")),
    persist: page.persist,
  } satisfies PageService;
  const channel = new AskingChannel(worker, service, () =>
    lose("what its worker has said could not be read"),
  );
  // Once there is a client, an error that nobody has caught is the console's, as it is where the client runs in the page.
  worker.addEventListener("error", ({ message }) => {
    failed.reject(new Error(message || "its script could not be loaded, or is not allowed here"));
  });
  // Nobody tells that it has ended before it holds its lock.
  const silence = setTimeout(
    () => failed.reject(new Error(`it has not answered within ${SILENCE_MS} ms`)),
    SILENCE_MS,
  );
  const forget = signal && onAbort(signal, () => failed.reject(signal.reason));
  const unlessFailed = <T>(work: Promise<T>): Promise<T> => Promise.race([work, failed.promise]);
  try {
    const far = channel.root<WorkerService>();
    const held = far.call("hold", lock);
    const prepared = far.call("prepare", opening.engineUrl);
    prepared.catch(() => undefined);
    const isHeld = await unlessFailed(held);
    clearTimeout(silence);
    if (isHeld) {
      void whenLifeEnds(
        lock ?? "",
        async (next) => {
          const holds = await far.call("hold", next);
          if (holds) lock = next;
          return holds;
        },
        over.signal,
        () => lose("its worker has ended"),
      );
    }
    await unlessFailed(prepared);
    onPrepared?.();
    const opened = await unlessFailed(far.call("open", opening));
    if (isDurable === true && opened.state.storage === "memory")
      throw new Error((await unlessFailed(opened.call("storageStatus"))).reason);
    return { far: opened, lost: lost.promise, end: (error) => end(error, true) };
  } catch (error) {
    await end(error, true);
    throw error;
  } finally {
    clearTimeout(silence);
    forget?.();
  }
}
