import type { NewRecord } from "../../sync/outbox.ts";
import type { ClientParts } from "./client-parts.ts";

/** Which topic what is published now is meant for, as far as this device knows. */
export function topicAddress(
  { device }: Pick<ClientParts, "device">,
  topic: string,
): Pick<NewRecord, "topic" | "clusterId" | "topicId"> {
  return {
    topic,
    clusterId: device.clusterId() ?? null,
    topicId: device.topics().get(topic)?.id ?? null,
  };
}
