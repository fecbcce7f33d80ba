import type { Engine } from "../log/engine.ts";
import { allCode } from "./client-code.ts";
import type { ClientHost } from "./core/client-host.ts";
import { RivuletClient } from "./core/rivulet-client.ts";
import { openCore } from "./open-core.ts";
import type { CoreOptions } from "./open-core.ts";

export interface ClientOptions extends Omit<
  CoreOptions<RivuletClient>,
  "code" | "create" | "engine" | "wholeEngine"
> {
  engine: Engine;
}

/** Opens what the device keeps, and a client on it that begins to connect, in this thread. Rejects as `connect` does. */
export function openClient(host: ClientHost, options: ClientOptions): Promise<RivuletClient> {
  return openCore(host, {
    ...options,
    wholeEngine: () => options.engine,
    code: allCode,
    create: (parts) => new RivuletClient(parts),
  });
}
