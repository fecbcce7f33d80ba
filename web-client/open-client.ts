import { allCode } from "./client-code.ts";
import type { ClientHost } from "./core/client-host.ts";
import { RivuletClient } from "./core/rivulet-client.ts";
import { openCore } from "./open-core.ts";
import type { CoreOptions } from "./open-core.ts";

export type ClientOptions = Omit<CoreOptions<RivuletClient>, "code" | "create">;

/** Opens what the device keeps, and a client on it that begins to connect, in this thread. Rejects as `connect` does. */
export function openClient(host: ClientHost, options: ClientOptions): Promise<RivuletClient> {
  return openCore(host, { ...options, code: allCode, create: (parts) => new RivuletClient(parts) });
}
