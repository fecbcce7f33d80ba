/** Who of a consumer group is to have which partitions: the server's assignors, by the names that clients ask for them. */
import { rangeAssignor } from "./assignor-range.ts";
import { uniformAssignor } from "./assignor-uniform.ts";
import type { Target } from "./partition-sets.ts";

/** A member as an assignor sees it. */
export interface Subscriber {
  readonly memberId: string;
  /** null: it is dynamic. */
  readonly instanceId: string | null;
  /** Ids of the topics that it subscribes to and that are there. Members that subscribe to the same share one array. */
  readonly topics: readonly string[];
  /** What it was to have until now. */
  readonly target: Target;
}

/** What each member is to have, by its id. Every partition of every topic goes to one of those that subscribe to it. */
export type Assignor = (
  subscribers: readonly Subscriber[],
  partitionsOf: (topicId: string) => number,
) => Map<string, Target>;

/** By Kafka's names; the first is what a group has that asks for none. */
export const ASSIGNORS: ReadonlyMap<string, Assignor> = new Map([
  ["uniform", uniformAssignor],
  ["range", rangeAssignor],
]);
