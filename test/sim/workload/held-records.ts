/** What a device holds of a partition, out of its database by the product's own way through segments. */
import { directoryStore } from "../../../web-client/core/directory-store.ts";
import { walkSegments } from "../../../web-client/core/segment-walk.ts";
import { replicaName } from "../../../web-client/databases.ts";
import { openReplicas } from "../../../web-client/replica-database.ts";
import { IdbStore } from "../../../web-client/idb-store.ts";
import type { Device } from "../browser/device.ts";
import type { Tab } from "../browser/tab.ts";
import type { StoredRecord } from "../history.ts";
import { storedRecords } from "../read-partitions.ts";
import { engine, UNCOMPRESSED_BYTES_MAX } from "./engine.ts";

export interface HeldPlace {
  /** Where the gateway is: what is kept is kept under its name. */
  readonly account: string;
  readonly clusterId: string;
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
}

/** Every record that stands there, in order, as `tab` finds it. */
export async function heldRecords(
  device: Device,
  tab: Tab,
  { account, clusterId, topic, topicId, partition }: HeldPlace,
): Promise<StoredRecord[]> {
  const name = replicaName(account, tab.principal, clusterId);
  const database = await openReplicas(device.databasesOf(tab.process), name, () => undefined);
  const store = new IdbStore(database, "relaxed", () => undefined);
  try {
    const records: StoredRecord[] = [];
    const part = directoryStore(store, `${topicId}/`);
    for await (const { batch } of walkSegments(part, `${topic}-${partition}`, 0n)) {
      if (engine.checkBatch(batch, true, UNCOMPRESSED_BYTES_MAX) < 0) break;
      records.push(...storedRecords(batch));
    }
    return records;
  } finally {
    await store.close();
  }
}
