import type { ConnectOptions, Rivulet } from "./core/api.ts";
import { gatewayAddress } from "./address.ts";
import { browserHost } from "./browser-host.ts";
import { whoSignsIn } from "./core/tokens.ts";
import { loadEngine } from "./load-engine.ts";
import { openClient } from "./open-client.ts";

/**
 * Opens what this device keeps and begins to connect; resolves offline too. Rejects when the URL is none, when
 * the engine cannot be had, or when a newer version of the page owns the device's store; and, with `token` and without
 * `user`, when it cannot be told who the user is.
 */
export async function connect(options: ConnectOptions): Promise<Rivulet> {
  const address = gatewayAddress(options.url);
  options.signal?.throwIfAborted();
  const { principal, tokens } = await whoSignsIn(options);
  options.signal?.throwIfAborted();
  return openClient(browserHost(address), {
    account: options.name ?? address.http.href,
    principal,
    tokens,
    databases: typeof indexedDB === "undefined" ? undefined : indexedDB,
    engine: await loadEngine(options.engineUrl),
    offline: options.offline ?? false,
    signal: options.signal,
  });
}
