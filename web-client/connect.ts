import type { ConnectOptions, Rivulet } from "./core/api.ts";
import { gatewayAddress } from "./address.ts";
import { persistStorage } from "./persist-storage.ts";
import { whoSignsIn } from "./core/tokens.ts";
import type { OfPage, Opening } from "./opening.ts";
import { openInWorker } from "./remote/start-worker.ts";

/**
 * Opens what this device keeps and begins to connect; resolves offline too. All the work is done in a worker of this client's
 * own; where none can be started it is done here. Rejects when the URL is none, and when the engine cannot be had; with a
 * `VersionError` when a newer version of the page has used the device's store (reload: it is left as it is), with a
 * `BlockedError` when a tab with an older one does not let go of it within ten seconds (close that tab); and, with `token` and
 * without `user`, when it cannot be told who the user is.
 */
export async function connect(options: ConnectOptions): Promise<Rivulet> {
  const address = gatewayAddress(options.url);
  options.signal?.throwIfAborted();
  const { principal, tokens } = await whoSignsIn(options);
  options.signal?.throwIfAborted();
  const opening: Opening = {
    url: address.http.href,
    account: options.name ?? address.http.href,
    principal,
    isSignedIn: tokens !== undefined,
    offline: options.offline ?? false,
    engineUrl: options.engineUrl === undefined ? undefined : new URL(options.engineUrl, location.href).href,
    hasLocks: typeof navigator !== "undefined" && navigator.locks !== undefined,
  };
  const page: OfPage = { tokens, persist: persistStorage, signal: options.signal };
  const remote = await openInWorker(opening, page);
  if (remote !== undefined) return remote;
  const { openHere } = await import("./open-here.ts");
  return openHere(opening, page);
}
