import type { RecordEngine } from "../log/engine.ts";
import type { Tokens } from "../sync/sign-in.ts";
import type { ClientHost } from "./core/client-host.ts";
import type { CoreClient, CoreClientOptions } from "./core/core-client.ts";
import { openDevice } from "./open-device.ts";
import type { DeviceOptions } from "./open-device.ts";

export interface CoreOptions<Client extends CoreClient> extends Omit<DeviceOptions, "onLost"> {
  engine: RecordEngine;
  wholeEngine: CoreClientOptions["wholeEngine"];
  create: (options: CoreClientOptions) => Client;
  /** Starts with the connection switched off. */
  offline: boolean;
  /** What to sign in with, of `principal`. */
  tokens?: Tokens | undefined;
  /** Closes the client. */
  signal: AbortSignal | undefined;
}

/** Opens what the device keeps, and a client on it that begins to connect. Rejects as `connect` does. */
export async function openCore<Client extends CoreClient>(
  host: ClientHost,
  options: CoreOptions<Client>,
): Promise<Client> {
  const { engine, wholeEngine, code, create, offline, tokens, signal } = options;
  let client: Client | undefined;
  let lost: string | undefined;
  const device = await openDevice(host, {
    ...options,
    onLost: (reason) => {
      lost = reason;
      void client?.lose(reason);
    },
  });
  client = create({ host, device, engine, wholeEngine, code, offline, tokens });
  if (lost !== undefined) void client.lose(lost);
  signal?.addEventListener("abort", () => void client?.close(), { once: true });
  try {
    // It may have aborted while the engine or the store was opened: then no event comes any more.
    signal?.throwIfAborted();
    await client.ready;
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}
