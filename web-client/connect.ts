import { RivuletClient } from "./rivulet-client.ts";
import type { ConnectOptions, Rivulet } from "./api.ts";
import { gatewayAddress } from "./address.ts";
import { openDevice } from "./device.ts";
import { loadEngine } from "./load-engine.ts";

/**
 * Opens what this device keeps and begins to connect; resolves offline too. Rejects when the URL is none, when
 * `engine.wasm` cannot be had, or when a newer version of the page owns the device's store.
 */
export async function connect(options: ConnectOptions): Promise<Rivulet> {
  const address = gatewayAddress(options.url);
  options.signal?.throwIfAborted();
  const engine = await loadEngine(options.engineUrl);
  let client: RivuletClient | undefined;
  let lost: string | undefined;
  const device = await openDevice(options.name ?? address.http.href, (reason) => {
    lost = reason;
    void client?.lose(reason);
  });
  client = new RivuletClient({ address, device, engine, offline: options.offline ?? false });
  if (lost !== undefined) void client.lose(lost);
  options.signal?.addEventListener("abort", () => void client?.close(), { once: true });
  try {
    // It may have aborted while the engine or the store was opened: then no event comes any more.
    options.signal?.throwIfAborted();
    await client.ready;
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}
