/** What is left on the device of topics that were made anew: under their old ids nobody finds it, and it takes room. */
import { forgetArrived } from "../../sync/outbox-arrivals.ts";
import type { Device } from "./device.ts";
import { replicaLock } from "./locks.ts";
import type { TabLocks } from "./locks.ts";
import type { ReadableStore } from "./directory-store.ts";

/** The topic as the gateway has told it. */
export interface PresentTopic {
  readonly clusterId: string;
  readonly name: string;
  readonly id: string;
  /** It has told so just now, and not at some other visit: the id is not itself a former one. */
  readonly isToldNow: boolean;
}

const FILE = /^([^/]+)\/(.+)-(\d{1,10})\//;

/**
 * Removes what is held under the topic's name and other ids, in the tab that leads. What is still written for anybody, here or
 * in another tab, stays for now.
 */
export async function removeFormer(device: Device, writers: TabLocks, topic: PresentTopic): Promise<void> {
  if (topic.isToldNow) await forgetDelivered(device, topic);
  const store = await device.replicas(topic.clusterId);
  for (const { id, partition, prefix } of await formerOf(store, topic)) {
    await writers.holdIfFree(replicaLock(device, topic.clusterId, id, partition), async () => {
      await store.delete(await store.list(prefix));
      device.noteHeld(id, partition, undefined);
    });
  }
}

/** What was delivered to a former topic, and would be shown until it comes, comes no more. */
async function forgetDelivered({ outbox }: Device, { name, id }: PresentTopic): Promise<void> {
  const delivered = await outbox.transact("readonly", (rows) =>
    rows.recordsIn("delivered", Number.MAX_SAFE_INTEGER, name),
  );
  const former = delivered.filter(({ place }) => place?.topicId !== id).map((record) => record.id);
  if (former.length > 0) await forgetArrived(outbox, name, former);
}

async function formerOf(
  store: ReadableStore,
  topic: PresentTopic,
): Promise<{ id: string; partition: number; prefix: string }[]> {
  const found = new Map<string, { id: string; partition: number; prefix: string }>();
  for (const file of await store.list("")) {
    const [prefix, id, name, partition] = FILE.exec(file) ?? [];
    if (prefix === undefined || id === undefined || name !== topic.name || id === topic.id) continue;
    found.set(prefix, { id, partition: Number(partition), prefix });
  }
  return [...found.values()];
}
