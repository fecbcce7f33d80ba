import type { Publication } from "./api.ts";
import type { ClientParts } from "./client-parts.ts";
import type { EncodedRecord } from "./encode-record.ts";

/** As a topic's `publish`; `queued` resolves with the id that the record has in the outbox. */
export function queueRecord(
  { device, outbox }: Pick<ClientParts, "device" | "outbox">,
  topic: string,
  record: EncodedRecord,
): Omit<Publication, "queued"> & { readonly queued: Promise<number> } {
  return outbox.publish({
    topic,
    ...record,
    clusterId: device.clusterId() ?? null,
    topicId: device.topics().get(topic)?.id ?? null,
  });
}
