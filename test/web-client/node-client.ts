/** The SDK's client in a test's own process: a real socket to a real gateway, and a device of the test's. */
import { IDBFactory } from "fake-indexeddb";
import "fake-indexeddb/auto";
import { vi } from "vitest";
import { WebSocket } from "ws";
import { gatewayAddress } from "../../web-client/address.ts";
import { browserHost } from "../../web-client/browser-host.ts";
import type { ConnectionState } from "../../web-client/core/api.ts";
import { TabLocks } from "../../web-client/core/locks.ts";
import type { RivuletClient } from "../../web-client/core/rivulet-client.ts";
import { ANONYMOUS } from "../../web-client/core/tokens.ts";
import { openClient } from "../../web-client/open-client.ts";
import { loadEngine } from "../engine/load.ts";

/** What all tabs of one device share. */
export interface TestDevice {
  readonly databases: IDBFactory;
  readonly locks: TabLocks;
  /** Tells its channels from those of other devices, which are this process's, too. */
  readonly name: string;
}

let devices = 0;

export function testDevice(): TestDevice {
  return { databases: new IDBFactory(), locks: new TabLocks(), name: `device ${++devices}` };
}

/** Puts what browsers have, and Node 20 has not, in its place; `vi.unstubAllGlobals` takes it away. */
export function stubBrowser(): void {
  vi.stubGlobal("WebSocket", WebSocket);
  vi.stubGlobal("navigator", {});
  vi.stubGlobal("addEventListener", () => undefined);
}

/** As `connect`, on a device of the test's. */
export function openNodeClient(
  { httpPort }: { readonly httpPort: number },
  { databases, locks, name }: TestDevice = testDevice(),
): Promise<RivuletClient> {
  const address = gatewayAddress(`http://127.0.0.1:${httpPort}`);
  const host = browserHost(address);
  return openClient(
    { ...host, locks, openPort: (port, hear) => host.openPort(`${name}: ${port}`, hear) },
    {
      account: address.http.href,
      principal: ANONYMOUS,
      databases,
      engine: loadEngine(),
      offline: false,
      signal: undefined,
    },
  );
}

/** Resolves when the client is in this state; says which it was in when that takes too long. */
export async function untilState(client: RivuletClient, name: ConnectionState["name"]): Promise<void> {
  await vi.waitFor(
    () => {
      if (client.state.name !== name)
        throw new Error(`${client.state.name}, not ${name}: ${client.state.reason ?? ""}`);
    },
    { timeout: 25_000 },
  );
}
