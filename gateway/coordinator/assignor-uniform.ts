/**
 * `uniform`: as many partitions for one member as for another, give or take one, and as few of them moved as that allows.
 *
 * Topics with the same subscribers are one pool. A pool is divided as water is poured: what its members have of other pools is
 * the ground, and the lowest are filled first; a member keeps what it had up to its level, gives up what is above, and what is
 * free goes round among those below. Where all subscribe to the same there is one pool, and one pass. Else a pool that is filled
 * changes the ground of the others, so they are gone over until nothing moves.
 */
import type { Assignor, Subscriber } from "./assignor.ts";
import { ASSIGNOR_PASSES_MAX } from "./limits.ts";
import type { Target } from "./partition-sets.ts";

interface Pool {
  /** Ids, with the number of each one's first partition among those of the pool. */
  readonly topics: readonly { readonly topicId: string; readonly first: number }[];
  /** The topic of each partition of the pool, by its place among them. */
  readonly topicAt: readonly number[];
  /** Places of its subscribers among all. */
  readonly members: readonly number[];
  /** What each of them has, in the same order: partitions by their number in the pool. */
  readonly held: number[][];
  free: number[];
}

export const uniformAssignor: Assignor = (subscribers, partitionsOf) => {
  const pools = poolsOf(subscribers, partitionsOf);
  const loads = subscribers.map(() => 0);
  for (const { members, held } of pools)
    members.forEach((member, at) => (loads[member] = (loads[member] ?? 0) + (held[at]?.length ?? 0)));
  let moved = true;
  for (let pass = 0; moved && pass < ASSIGNOR_PASSES_MAX; pass++) {
    moved = false;
    for (const pool of pools) if (divide(pool, loads)) moved = true;
    if (pools.length === 1) break;
  }
  return targetsOf(subscribers, pools);
};

/** Answers whether any partition has moved. */
function divide(pool: Pool, loads: number[]): boolean {
  const { members, held } = pool;
  const ground = members.map((member, at) => (loads[member] ?? 0) - (held[at]?.length ?? 0));
  const shares = sharesOf(
    ground,
    held.map(({ length }) => length),
    pool.topicAt.length,
  );
  members.forEach((member, at) => {
    const share = shares[at] ?? 0;
    const before = held[at] ?? [];
    if (before.length <= share) return;
    const kept = widest(pool, before, at);
    for (const partition of kept.splice(share)) pool.free.push(partition);
    held[at] = kept;
    loads[member] = (ground[at] ?? 0) + share;
  });
  if (pool.free.length === 0) return false;
  const free = pool.free.toSorted((a, b) => b - a);
  pool.free = [];
  let below = members.flatMap((_, at) => ((held[at]?.length ?? 0) < (shares[at] ?? 0) ? [at] : []));
  while (free.length > 0 && below.length > 0) {
    below = below.filter((at) => {
      const next = free.pop();
      if (next !== undefined) held[at]?.push(next);
      return (held[at]?.length ?? 0) < (shares[at] ?? 0);
    });
  }
  members.forEach((member, at) => (loads[member] = (ground[at] ?? 0) + (held[at]?.length ?? 0)));
  return true;
}

/** How many partitions each member is to have of `total`; of those that could have one more, first those that have it now. */
function sharesOf(ground: readonly number[], held: readonly number[], total: number): number[] {
  const poured = (level: number): number => ground.reduce((sum, own) => sum + Math.max(level - own, 0), 0);
  let low = ground.reduce((least, own) => Math.min(least, own), Infinity);
  let high = low + total;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (poured(middle) <= total) low = middle;
    else high = middle - 1;
  }
  let left = total - poured(low);
  const shares = ground.map((own) => Math.max(low - own, 0));
  const giveOneMore = (mayHave: (at: number) => boolean): void => {
    for (let at = 0; left > 0 && at < shares.length; at++) {
      const share = shares[at] ?? 0;
      if ((ground[at] ?? 0) > low || !mayHave(at)) continue;
      shares[at] = share + 1;
      left--;
    }
  };
  giveOneMore((at) => (held[at] ?? 0) > (shares[at] ?? 0));
  giveOneMore((at) => (ground[at] ?? 0) + (shares[at] ?? 0) === low);
  return shares;
}

/** Partitions of a member so that the first ones are of as many topics as can be, and other members begin with other topics. */
function widest({ topics, topicAt }: Pool, partitions: readonly number[], member: number): number[] {
  const ofTopic = new Map<number, number>();
  const places = partitions
    .toSorted((a, b) => a - b)
    .map((partition) => {
      const topic = topicAt[partition] ?? 0;
      const rank = ofTopic.get(topic) ?? 0;
      ofTopic.set(topic, rank + 1);
      return { partition, rank, turn: (topic + member) % topics.length };
    });
  return places.toSorted((a, b) => a.rank - b.rank || a.turn - b.turn).map(({ partition }) => partition);
}

function poolsOf(subscribers: readonly Subscriber[], partitionsOf: (topicId: string) => number): Pool[] {
  const bySubscription = new Map<readonly string[], number[]>();
  subscribers.forEach(({ topics }, member) => {
    const members = bySubscription.get(topics);
    if (members === undefined) bySubscription.set(topics, [member]);
    else members.push(member);
  });
  const subscriptions = [...bySubscription];
  const subscriptionsOf = new Map<string, number[]>();
  subscriptions.forEach(([topics], at) => {
    for (const topicId of topics) {
      const others = subscriptionsOf.get(topicId);
      if (others === undefined) subscriptionsOf.set(topicId, [at]);
      else others.push(at);
    }
  });
  const topicsOf = new Map<string, string[]>();
  for (const [topicId, places] of subscriptionsOf) {
    const key = places.join(",");
    const topics = topicsOf.get(key);
    if (topics === undefined) topicsOf.set(key, [topicId]);
    else topics.push(topicId);
  }
  return Array.from(topicsOf, ([key, topicIds]) => {
    const members = key.split(",").flatMap((at) => subscriptions[Number(at)]?.[1] ?? []);
    return poolOf(
      subscribers,
      members.toSorted((a, b) => a - b),
      topicIds,
      partitionsOf,
    );
  });
}

function poolOf(
  subscribers: readonly Subscriber[],
  members: readonly number[],
  topicIds: readonly string[],
  partitionsOf: (topicId: string) => number,
): Pool {
  const topicAt: number[] = [];
  const topics = topicIds.map((topicId, topic) => {
    const first = topicAt.length;
    for (let partition = partitionsOf(topicId); partition > 0; partition--) topicAt.push(topic);
    return { topicId, first };
  });
  const isHeld = topicAt.map(() => false);
  const held = members.map((member) => {
    const target = subscribers[member]?.target;
    return topics.flatMap(({ topicId, first }, topic) =>
      (target?.get(topicId) ?? []).flatMap((partition) => {
        const place = first + partition;
        // A partition that is not there, or that another was to have as well, is nobody's.
        if (topicAt[place] !== topic || isHeld[place] === true) return [];
        isHeld[place] = true;
        return [place];
      }),
    );
  });
  const free = topicAt.flatMap((_, place) => (isHeld[place] === true ? [] : [place]));
  return { topics, topicAt, members, held, free };
}

function targetsOf(subscribers: readonly Subscriber[], pools: readonly Pool[]): Map<string, Target> {
  const targets = subscribers.map(() => new Map<string, number[]>());
  for (const { topics, topicAt, members, held } of pools) {
    members.forEach((member, at) => {
      for (const place of (held[at] ?? []).toSorted((a, b) => a - b)) {
        const topic = topics[topicAt[place] ?? 0];
        if (topic === undefined) continue;
        const partitions = targets[member]?.get(topic.topicId);
        if (partitions === undefined) targets[member]?.set(topic.topicId, [place - topic.first]);
        else partitions.push(place - topic.first);
      }
    });
  }
  return new Map(subscribers.map(({ memberId }, member) => [memberId, targets[member] ?? new Map()]));
}
