/** Where the reader is, as the page's address says it: every place has one, and can be sent to somebody else. */

export const topicTabs = ["records", "partitions", "activity", "settings"] as const;
export type TopicTab = (typeof topicTabs)[number];

export type Place =
  | {
      readonly page: "topic";
      readonly topic: string;
      readonly tab: TopicTab;
      /** Records from this offset of each partition on; the newest when left out. */
      readonly from?: bigint | undefined;
    }
  | { readonly page: "topics" }
  | { readonly page: "groups" }
  | { readonly page: "group"; readonly group: string }
  | { readonly page: "device" };

/** `#topic=orders&tab=settings`, `#groups`, ... -> a place; undefined for an address that names none. */
export function parsePlace(hash: string): Place | undefined {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const topic = parts.get("topic");
  if (topic !== null) {
    const tab = topicTabs.find((name) => name === parts.get("tab")) ?? "records";
    const from = parts.get("from") ?? "";
    // 18 digits always fit Kafka's int64.
    return { page: "topic", topic, tab, from: /^\d{1,18}$/.test(from) ? BigInt(from) : undefined };
  }
  const group = parts.get("group");
  if (group !== null) return { page: "group", group };
  for (const page of ["topics", "groups", "device"] as const) if (parts.has(page)) return { page };
  return undefined;
}

/** The same, the other way round. */
export function formatPlace(place: Place): string {
  if (place.page === "group") return `#${new URLSearchParams({ group: place.group }).toString()}`;
  if (place.page !== "topic") return `#${place.page}`;
  const parts = new URLSearchParams({ topic: place.topic });
  if (place.tab !== "records") parts.set("tab", place.tab);
  if (place.from !== undefined) parts.set("from", String(place.from));
  return `#${parts.toString()}`;
}
