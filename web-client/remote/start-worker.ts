/** Starts a worker with a client in it, and notices when the worker is gone. */
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { deferred } from "../../sync/wait.ts";
import type { OfPage, Opening } from "../opening.ts";
import { Channel } from "./channel.ts";
import { whenLifeEnds } from "./life-lock.ts";
import { newWorker } from "./new-worker.ts";
import { RemoteClient } from "./remote-client.ts";
import type { WorkerService } from "./worker.ts";

/** What the worker asks of the page. */
export type PageService = {
  token: () => Promise<string>;
  persist: () => Promise<boolean>;
};

/** A worker and the line to it, until one of the two ends. */
interface Started {
  readonly channel: Channel;
  /** Rejects when it does not come up, or is gone before there is a client. */
  readonly failed: Promise<never>;
  /** Is told when the client is there no more, though nobody has closed it. */
  onLost: (reason: string) => void;
  /** It holds this lock for as long as it lives. `hold` has it hold another one. */
  readonly watch: (lock: string, hold: (lock: string) => Promise<boolean>) => void;
  readonly end: (reason: string) => void;
}

/**
 * A client in a worker of its own. undefined: none can be started here (there are no workers, the page's policy or another
 * origin forbids this one, the engine cannot be had there), and the console has been told why. Otherwise rejects as `connect`
 * does.
 */
export async function openInWorker(opening: Opening, page: OfPage): Promise<RemoteClient | undefined> {
  if (typeof Worker === "undefined") return undefined;
  const { signal } = page;
  const aborted = deferred<never>();
  aborted.promise.catch(() => undefined);
  const stop = (): void => aborted.reject(signal?.reason);
  let started: Started | undefined;
  let isPrepared = false;
  try {
    started = start(page);
    const { channel, failed, end } = started;
    signal?.addEventListener("abort", stop, { once: true });
    const far = channel.root<WorkerService>();
    const over = [failed, aborted.promise];
    const lock = opening.hasLocks ? lockName() : undefined;
    const isHeld = await Promise.race([far.call("prepare", opening.engineUrl, lock), ...over]);
    isPrepared = true;
    if (lock !== undefined && isHeld) started.watch(lock, (next) => far.call("hold", next));
    const opened = await Promise.race([far.call("open", opening), ...over]);
    const client = new RemoteClient(opened, opening.offline, end);
    started.onLost = (reason) => client.lose(reason);
    signal?.addEventListener("abort", () => void client.close(), { once: true });
    return client;
  } catch (error) {
    started?.end("it could not be opened");
    signal?.throwIfAborted();
    if (isPrepared) throw error;
    console.warn("rivulet: this client runs in the page, for its worker did not start:", error);
    return undefined;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

function start(page: OfPage): Started {
  const worker = newWorker();
  const failed = deferred<never>();
  failed.promise.catch(() => undefined);
  const over = new AbortController();
  const end = (error: Error, isOrderly: boolean): void => {
    over.abort();
    channel.close(error, isOrderly);
    worker.terminate();
  };
  const lose = (what: string): void => {
    const reason = `${what}; what its outbox has stored stays on this device: connect() again`;
    failed.reject(new Error(reason));
    end(new KafkaError(ErrorCode.NETWORK_EXCEPTION, `the client is gone: ${reason}`), false);
    started.onLost(reason);
  };
  /** Who clears the site's data takes the locks of those who live, too: one that answers holds another one. */
  const doubt = async (hold: (lock: string) => Promise<boolean>): Promise<void> => {
    const next = lockName();
    const silence = new Promise<undefined>((resolve) => void setTimeout(resolve, ANSWER_MS));
    const isHeld = await Promise.race([hold(next).catch(() => undefined), silence]);
    if (over.signal.aborted) return;
    if (isHeld === undefined) return lose("its worker has ended");
    await silence;
    if (isHeld) started.watch(next, hold);
  };
  const service = {
    token: () => page.tokens?.() ?? Promise.reject(new TypeError("this client has no tokens")),
    persist: page.persist,
  } satisfies PageService;
  const channel = new Channel(worker, service, () => lose("what its worker has said could not be read"));
  const started: Started = {
    channel,
    failed: failed.promise,
    onLost: () => undefined,
    watch: (lock, hold) => whenLifeEnds(lock, over.signal, () => void doubt(hold)),
    end: (reason) =>
      end(new KafkaError(ErrorCode.NETWORK_EXCEPTION, `the client is closed: ${reason}`), true),
  };
  // Once there is a client, an error that nobody has caught is the console's, as it is where the client runs in the page.
  worker.addEventListener("error", ({ message }) => {
    failed.reject(new Error(message || "its script could not be loaded, or is not allowed here"));
  });
  return started;
}

/** A worker that lives says so within this time, milliseconds. */
const ANSWER_MS = 1000;

function lockName(): string {
  return `rivulet/worker/${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;
}
