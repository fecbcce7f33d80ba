import type { Assignor, Subscriber } from "./assignor.ts";

/**
 * `range`: of each topic every member has a range, the first ones with one partition more. Topics with as many partitions and
 * the same members are divided alike, so that what belongs together meets in one member. Static members come first and keep
 * their order by their instance ids, whatever member ids they come back with.
 */
export const rangeAssignor: Assignor = (subscribers, partitionsOf) => {
  const inOrder = subscribers.toSorted(byInstance);
  const subscribersOf = new Map<string, Subscriber[]>();
  for (const subscriber of inOrder) {
    for (const topicId of subscriber.topics) {
      const others = subscribersOf.get(topicId);
      if (others === undefined) subscribersOf.set(topicId, [subscriber]);
      else others.push(subscriber);
    }
  }
  const targets = new Map(inOrder.map(({ memberId }) => [memberId, new Map<string, number[]>()] as const));
  for (const [topicId, members] of subscribersOf) {
    const partitions = partitionsOf(topicId);
    const least = Math.floor(partitions / members.length);
    const withOneMore = partitions % members.length;
    let next = 0;
    for (const [index, { memberId }] of members.entries()) {
      const first = next;
      const count = least + (index < withOneMore ? 1 : 0);
      next += count;
      if (count > 0)
        targets.get(memberId)?.set(
          topicId,
          Array.from({ length: count }, (_, at) => first + at),
        );
    }
  }
  return targets;
};

function byInstance(one: Subscriber, other: Subscriber): number {
  if (one.instanceId !== null && other.instanceId !== null) return compare(one.instanceId, other.instanceId);
  if (one.instanceId !== null) return -1;
  if (other.instanceId !== null) return 1;
  return compare(one.memberId, other.memberId);
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
