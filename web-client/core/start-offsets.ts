/** Where a subscription begins and ends, partition by partition. */
import { EARLIEST, LATEST, topicOffsets } from "../../sync/log-offsets.ts";
import type { TopicMetadata } from "../../sync/metadata.ts";
import type { LiveConnection } from "../../sync/live-connection.ts";
import { whenAnswered } from "../../sync/when-answered.ts";
import type { From, Position, Start } from "./api-subscribe.ts";

/** The name of those who need but one. */
const STORED = "stored";

/** What an app's `from` comes to. */
export type StartPlan =
  | { readonly kind: "place"; readonly place: bigint }
  | { readonly kind: "positions"; readonly positions: readonly Position[] }
  | { readonly kind: "time"; readonly timestamp: bigint }
  | { readonly kind: "stored"; readonly name: string; readonly otherwise: bigint };

/** Throws TypeError or RangeError for what nothing can begin with. */
export function startPlan(from: From): StartPlan {
  if (from === "stored") return { kind: "stored", name: STORED, otherwise: EARLIEST };
  if (typeof from === "string") return { kind: "place", place: placeOf(from) };
  if ("stored" in from) {
    if (from.stored === "") throw new TypeError("`from`: what is stored needs a name that is not empty");
    return { kind: "stored", name: from.stored, otherwise: placeOf(from.otherwise ?? "earliest") };
  }
  if ("timestamp" in from) {
    const timestamp = Number(from.timestamp);
    if (!Number.isSafeInteger(timestamp) || timestamp < 0)
      throw new RangeError(`\`from\`: ${timestamp} is no time; give milliseconds since the epoch, or a Date`);
    return { kind: "time", timestamp: BigInt(timestamp) };
  }
  const positions = "offset" in from ? [from] : from;
  for (const { partition, offset } of positions) {
    // Below 0 stand places such as the end: a position that is not known must not be taken for one of them.
    if (offset < 0n) throw new RangeError(`\`from\`: ${offset} is no offset in partition ${partition}`);
  }
  return { kind: "positions", positions };
}

function placeOf(start: Start): bigint {
  if (start === "latest") return LATEST;
  if (start === "earliest") return EARLIEST;
  throw new TypeError(
    `\`from\`: "${String(start)}" is no place; there are "earliest", "latest" and "stored"`,
  );
}

export interface PlacesOptions {
  readonly upstream: LiveConnection;
  readonly topic: TopicMetadata;
  readonly partitions: readonly number[];
  readonly signal: AbortSignal;
}

/**
 * The first offset wanted in each of the partitions, or LATEST or EARLIEST; `stored` is what was stored, by partition. Rejects
 * as `whenAnswered` does.
 */
export async function startOffsets(
  plan: StartPlan,
  stored: ReadonlyMap<number, bigint>,
  { upstream, topic, partitions, signal }: PlacesOptions,
): Promise<Map<number, bigint>> {
  const all = (start: (partition: number) => bigint): Map<number, bigint> =>
    new Map(partitions.map((partition) => [partition, start(partition)]));
  if (plan.kind === "place") return all(() => plan.place);
  if (plan.kind === "stored") return all((partition) => stored.get(partition) ?? plan.otherwise);
  if (plan.kind === "positions")
    return all(
      (partition) => plan.positions.find((each) => each.partition === partition)?.offset ?? EARLIEST,
    );
  const named = { name: topic.name, partitions };
  return whenAnswered(upstream, signal, async (connection) => {
    // The end first: what comes after it is not older than what is asked for.
    const ends = await topicOffsets(connection, named, LATEST);
    const places = await topicOffsets(connection, named, plan.timestamp);
    return all((partition) => {
      const place = places.get(partition) ?? -1n;
      return place < 0n ? (ends.get(partition) ?? LATEST) : place;
    });
  });
}

/** Where each of the partitions ends now. */
export function endOffsets({
  upstream,
  topic,
  partitions,
  signal,
}: PlacesOptions): Promise<Map<number, bigint>> {
  return whenAnswered(upstream, signal, (connection) =>
    topicOffsets(connection, { name: topic.name, partitions }, LATEST),
  );
}
