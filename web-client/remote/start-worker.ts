/** Starts a worker with a client in it. */
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { deferred } from "../../sync/wait.ts";
import type { OfPage, Opening } from "../opening.ts";
import { Channel } from "./channel.ts";
import { RemoteClient } from "./remote-client.ts";
import type { WorkerService } from "./worker.ts";

/** What the worker asks of the page. */
export type PageService = {
  token: () => Promise<string>;
  persist: () => Promise<boolean>;
};

/**
 * A client in a worker of its own. undefined: none can be started here (there are no workers, the page's policy or another
 * origin forbids this one, the engine cannot be had there), and the console has been told why. Otherwise rejects as `connect`
 * does.
 */
export async function openInWorker(opening: Opening, page: OfPage): Promise<RemoteClient | undefined> {
  if (typeof Worker === "undefined") return undefined;
  const { signal } = page;
  const over = deferred<never>();
  over.promise.catch(() => undefined);
  const stop = (): void => over.reject(signal?.reason);
  let end = (_reason: string): void => undefined;
  let isPrepared = false;
  try {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "rivulet" });
    worker.addEventListener("error", ({ message }) => {
      over.reject(new Error(message || "its script could not be loaded, or is not allowed here"));
    });
    const channel = new Channel(worker, {
      token: () => page.tokens?.() ?? Promise.reject(new TypeError("this client has no tokens")),
      persist: page.persist,
    } satisfies PageService);
    end = (reason) => {
      channel.close(new KafkaError(ErrorCode.NETWORK_EXCEPTION, `the client is closed: ${reason}`));
      worker.terminate();
    };
    signal?.addEventListener("abort", stop, { once: true });
    const far = channel.root<WorkerService>();
    await Promise.race([far.call("prepare", opening.engineUrl), over.promise]);
    isPrepared = true;
    const opened = await Promise.race([far.call("open", opening), over.promise]);
    const client = new RemoteClient(opened, opening.offline, end);
    signal?.addEventListener("abort", () => void client.close(), { once: true });
    return client;
  } catch (error) {
    end("it could not be opened");
    signal?.throwIfAborted();
    if (isPrepared) throw error;
    console.warn("rivulet: this client runs in the page, for its worker did not start:", error);
    return undefined;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}
