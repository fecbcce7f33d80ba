/** The browser, as a client's host: a page, or a worker of it. */
import type { GatewayAddress } from "./address.ts";
import type { ClientHost, HostStorage } from "./core/client-host.ts";
import type { TabPort } from "./core/tab-channel.ts";
import { persistStorage } from "./persist-storage.ts";
import { httpHistory, knock, serverTime } from "./http-gateway.ts";
import { systemClock } from "./system-clock.ts";
import { webLocks } from "./web-locks.ts";
import { webSocketTransport } from "./websocket-transport.ts";

/** `persist` where this is no page: only pages may ask. */
export function browserHost(address: GatewayAddress, persist = persistStorage): ClientHost {
  return {
    clock: systemClock,
    random: () => Math.random(),
    openTransport: webSocketTransport(address.webSocket),
    knock: () => knock(address.http),
    history: httpHistory(address.http),
    serverTime: () => serverTime(address.http),
    locks: webLocks(),
    openPort: broadcastPort,
    onOnline: (listener, signal) => globalThis.addEventListener("online", () => listener(), { signal }),
    storage: { ...browserStorage, persist },
    report: (what, error) => console.error(`rivulet: ${what}:`, error),
  };
}

function broadcastPort<Message>(name: string, hear: (message: Message) => void): TabPort<Message> {
  const channel = typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel(name);
  channel?.addEventListener("message", ({ data }: MessageEvent<Message>) => hear(data));
  let isOpen = true;
  return {
    // On one that is closed it would throw; what is said there, nobody hears.
    post: (message) => {
      if (isOpen) channel?.postMessage(message);
    },
    close: () => {
      isOpen = false;
      channel?.close();
    },
  };
}

/** Absent on insecure origins. */
const manager = (): Partial<StorageManager> | undefined =>
  (globalThis.navigator as { readonly storage?: Partial<StorageManager> } | undefined)?.storage;

const browserStorage: Omit<HostStorage, "persist"> = {
  persisted: async () =>
    manager()
      ?.persisted?.()
      .catch(() => undefined),
  estimate: async () =>
    (await manager()
      ?.estimate?.()
      .catch(() => undefined)) ?? {},
};
