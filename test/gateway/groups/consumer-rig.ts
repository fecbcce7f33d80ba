/** Members of consumer groups as clients are: they give up at once what they are told to, and say so with the next heartbeat. */
import type { ConsumerHeartbeat } from "../../../gateway/coordinator/consumer-heartbeat.ts";
import type { ConsumerHeartbeatAnswer } from "../../../gateway/coordinator/consumer-groups.ts";
import { namedOwned } from "../../../gateway/coordinator/partition-sets.ts";
import { KafkaError } from "../../../wire/errors.ts";
import type { GroupRig } from "./group-rig.ts";

export type Spoken = Partial<Omit<ConsumerHeartbeat, "groupId">>;

export class Consumer {
  readonly memberId: string;
  readonly said: Spoken;
  epoch = 0;
  /** What it reads now: `topic id/partition`. */
  owned = new Set<string>();
  private rig: GroupRig;
  private readonly groupId: string;
  private hasToSayWhatItHas = false;

  constructor(rig: GroupRig, groupId: string, memberId: string, said: Spoken = {}) {
    this.rig = rig;
    this.groupId = groupId;
    this.memberId = memberId;
    this.said = said;
  }

  get instanceId(): string | null {
    return this.said.instanceId ?? null;
  }

  /** The node was started anew. */
  moveTo(rig: GroupRig): void {
    this.rig = rig;
  }

  /** Says everything of itself, and what else is given. */
  request(spoken: Spoken = {}): ConsumerHeartbeat {
    return {
      groupId: this.groupId,
      memberId: this.memberId,
      memberEpoch: this.epoch,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: 60_000,
      topics: ["orders"],
      regex: null,
      assignor: null,
      owned: namedPartitions(this.owned),
      clientId: "client",
      clientHost: "/127.0.0.1",
      ...this.said,
      ...spoken,
    };
  }

  /** Joins: it has nothing, and begins anew. */
  join(spoken: Spoken = {}): Promise<number> {
    this.epoch = 0;
    this.owned = new Set();
    return this.send(this.request(spoken));
  }

  /** A heartbeat as clients send it: only what has changed. */
  beat(spoken: Spoken = {}): Promise<number> {
    const isTold = this.hasToSayWhatItHas;
    this.hasToSayWhatItHas = false;
    return this.send({
      ...this.request(),
      rebalanceTimeoutMs: -1,
      topics: null,
      regex: null,
      assignor: null,
      owned: isTold ? namedPartitions(this.owned) : null,
      ...spoken,
    });
  }

  /** Leaves for good with -1, for a while with -2. */
  async leave(memberEpoch = -1): Promise<number> {
    const code = await this.send({ ...this.request(), memberEpoch, owned: null }, false);
    this.owned = new Set();
    return code;
  }

  /** The error code of the answer; what it says is done at once, as far as it asks to give up. */
  async send(request: ConsumerHeartbeat, isListening = true): Promise<number> {
    let answer: ConsumerHeartbeatAnswer;
    try {
      answer = await this.rig.clock.until(this.rig.coordinator.consumers.heartbeat(request, true));
    } catch (error) {
      if (error instanceof KafkaError) return error.code;
      throw error;
    }
    if (isListening) this.listen(answer);
    return 0;
  }

  /** Gives up what it is no longer to have, and takes what is new. */
  listen({ memberEpoch, assigned }: ConsumerHeartbeatAnswer): void {
    this.epoch = memberEpoch;
    if (assigned === undefined) return;
    this.owned = new Set(
      namedOwned(assigned).flatMap(({ topicId, partitions }) =>
        partitions.map((partition) => `${topicId}/${partition}`),
      ),
    );
    this.hasToSayWhatItHas = true;
  }
}

export function namedPartitions(owned: Iterable<string>): { topicId: string; partitions: number[] }[] {
  const byTopic = new Map<string, number[]>();
  for (const each of owned) {
    const [topicId = "", partition] = each.split("/");
    byTopic.set(topicId, [...(byTopic.get(topicId) ?? []), Number(partition)]);
  }
  return Array.from(byTopic, ([topicId, partitions]) => ({ topicId, partitions }));
}

/** Heartbeats in turn until nobody is told anything new; an interval passes between two rounds. */
export async function calm(rig: GroupRig, ...consumers: Consumer[]): Promise<void> {
  const picture = (): string =>
    JSON.stringify(consumers.map(({ epoch, owned }) => [epoch, [...owned].toSorted()]));
  for (let quiet = 0, rounds = 0; quiet < 3 && rounds < 50; rounds++) {
    const before = picture();
    await rig.clock.pass(1000);
    for (const consumer of consumers) await consumer.beat();
    quiet = picture() === before ? quiet + 1 : 0;
  }
}
