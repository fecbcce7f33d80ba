/** Which store a client gets: the one that the tabs of its origin share, or memory of its own. */
import type { ClientCode } from "./client-code.ts";
import type { ClientHost } from "./core/client-host.ts";
import type { Device } from "./core/device.ts";
import { accountName, BlockedError, NewerError } from "./databases.ts";
import { HealingAccount } from "./healing-account.ts";
import { IdbDevice } from "./idb-device.ts";

export interface DeviceOptions {
  /** A name of the app's, or the gateway's address. */
  account: string;
  principal: string;
  /** The origin's `indexedDB`; undefined where there is none. */
  databases: IDBFactory | undefined;
  code: ClientCode;
  /** Is told why when a newer version of this code takes the store over. */
  onLost: (reason: string) => void;
}

/** Opens what is kept under an account. Rejects with NewerError when a newer version of this code has used it. */
export async function openDevice(
  { locks, random, clock }: Pick<ClientHost, "locks" | "random" | "clock">,
  { account, principal, databases, code, onLost }: DeviceOptions,
): Promise<Device> {
  const name = accountName(account, principal);
  if (databases === undefined || locks === undefined) {
    const what =
      databases === undefined
        ? "no IndexedDB"
        : "no Web Locks, which want a secure origin (https or localhost)";
    const { MemoryDevice } = await code.memory();
    return new MemoryDevice(name, random, `this browser gives this page ${what}: nothing outlives the tab`);
  }
  const store = new HealingAccount({ databases, name, now: () => clock.now(), onLost });
  try {
    await store.open();
  } catch (error) {
    // Another version of this page owns the store: in memory beside it, records would be published out of its sight.
    if (error instanceof BlockedError || error instanceof NewerError) throw error;
    const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const { MemoryDevice } = await code.memory();
    return new MemoryDevice(
      name,
      random,
      `the browser does not open its IndexedDB (${what}), as in some private modes: nothing outlives the tab`,
    );
  }
  const device = new IdbDevice(store, { account, principal, databases, code, locks, onLost });
  try {
    await device.load();
  } catch (error) {
    await device.close();
    throw error;
  }
  return device;
}
