/** Who acts in a run: what its plan says, each with habits of its own. */
import type { Plan } from "../plan.ts";
import type { Random } from "../kernel/random.ts";
import type { Actor, Run } from "../workload.ts";
import { KafkaConsumer } from "./kafka-consumer.ts";
import { KafkaGroup } from "./kafka-group.ts";
import { Keeper } from "./keeper.ts";
import { KafkaProducer, type KafkaProducerOptions } from "./kafka-producer.ts";
import { Retention } from "./retention.ts";
import { SdkPublisher } from "./sdk-publisher.ts";
import { SdkReplica } from "./sdk-replica.ts";
import { SdkSubscriber } from "./sdk-subscriber.ts";
import { SdkTabs } from "./sdk-tabs.ts";
import { SentTap } from "./sent-tap.ts";
import { TopicOwner } from "./topic-owner.ts";

type ActorsPlan = Pick<
  Plan,
  "devices" | "kafkaProducers" | "kafkaConsumers" | "groups" | "deletesTopics" | "movesLogStarts"
>;

/** In the order in which they are to be started: whoever watches, before whoever acts. */
export function actorsOf(plan: ActorsPlan, run: Run): Actor[] {
  const random = run.random.fork("actors");
  const names = run.topics.map(({ name }) => name);
  const { deletable, retained: all } = share(plan, names, random);
  // Of a log that is only compacted nothing may be deleted.
  const compacted = run.topics.filter(({ configs }) => configs.get("cleanup.policy") === "compact");
  const retained = all.filter((each) => !compacted.some(({ name }) => name === each));
  const tap = new SentTap(run);
  const actors: Actor[] = [
    tap,
    new TopicOwner(run, "owner", {
      deletable: new Set(deletable),
      deletionMeanMs: 6000,
      growthMeanMs: random.chance(0.3) ? 8000 : undefined,
    }),
  ];
  if (retained.length > 0) actors.push(new Retention(run, "retention", { topics: retained, meanMs: 2000 }));
  const aging = run.topics.filter(({ keeping }) => keeping?.retentionMs !== undefined);
  if (aging.length > 0)
    actors.push(
      new Keeper(
        run,
        "keeper",
        aging.map(({ name }) => name),
      ),
    );
  for (let count = 1; count <= plan.kafkaProducers; count++)
    actors.push(new KafkaProducer(run, `kafka-${count}`, producerHabits(random)));
  for (let count = 1; count <= plan.kafkaConsumers; count++)
    actors.push(
      new KafkaConsumer(run, `consumer-${count}`, {
        topics: random.chance(0.5) ? names : [random.pick(names)],
        from: random.pick(["earliest", "latest", "somewhere"]),
        crashMeanMs: random.chance(0.3) ? 8000 : undefined,
      }),
    );
  for (const { name, principals, tabsPerPrincipal } of plan.devices) {
    const device = run.devices.find((each) => each.name === name);
    if (device === undefined) throw new Error(`no device ${name}`);
    for (const principal of principals) {
      const tabs = new SdkTabs(run, device, principal, {
        tabs: tabsPerPrincipal,
        closeMeanMs: random.chance(0.4) ? 8000 : undefined,
        offlineMeanMs: random.chance(0.5) ? 6000 : undefined,
      });
      actors.push(tabs, ...appsIn(tabs, tap, run, random, tabsPerPrincipal));
    }
  }
  // Last: what they draw moves nobody else.
  for (const group of plan.groups) actors.push(new KafkaGroup(run, group));
  return actors;
}

/**
 * Topics that are deleted now and then, and topics whose starts are moved. No topic is both: DeleteRecords names topics by
 * their names alone, and one that comes late could hit another topic than was noted.
 */
function share(
  { deletesTopics, movesLogStarts }: ActorsPlan,
  names: readonly string[],
  random: Random,
): { deletable: readonly string[]; retained: readonly string[] } {
  if (!deletesTopics || !movesLogStarts)
    return { deletable: deletesTopics ? names : [], retained: movesLogStarts ? names : [] };
  const chosen = random.pick(names);
  const others = names.filter((name) => name !== chosen);
  return random.chance(0.5)
    ? { deletable: [chosen], retained: others }
    : { deletable: others, retained: [chosen] };
}

function producerHabits(random: Random): KafkaProducerOptions {
  const common = {
    crashMeanMs: random.chance(0.3) ? 8000 : undefined,
    pauseMsMax: random.pick([300, 1500, 4000]),
    damageRate: random.chance(0.2) ? 0.1 : 0,
  };
  const kind = random.next();
  if (kind < 0.6) return { ...common, acks: -1, isIdempotent: true };
  if (kind < 0.75) return { ...common, acks: 1, isIdempotent: true };
  return { ...common, acks: random.pick([-1, 0, 1] as const), isIdempotent: false };
}

/** However many tabs an account has, its outbox gets about as much: a busy one asks for most of what a run costs. */
function appsIn(tabs: SdkTabs, tap: SentTap, run: Run, random: Random, tabCount: number): Actor[] {
  const apps: Actor[] = [];
  if (random.chance(0.85)) {
    const pauseMsMax = tabCount * random.pick([1000, 2000, 5000]);
    apps.push(new SdkPublisher(run, tabs, tap, { pauseMsMax, decideMeanMs: 4000 }));
  }
  for (const { name: topic, keeping } of run.topics) {
    if (random.chance(0.5))
      apps.push(new SdkSubscriber(run, tabs, { topic, label: "subscriber", rate: random.next() }));
    // Mostly beside the other one, at another place of the same partitions.
    if (random.chance(0.4))
      apps.push(
        new SdkSubscriber(run, tabs, { topic, label: "second-subscriber", rate: 0.5 + 0.5 * random.next() }),
      );
    if (random.chance(0.5) && keeping?.compaction?.mayBeReplicated !== false)
      apps.push(new SdkReplica(run, tabs, { topic, rate: random.next(), followRate: random.next() }));
  }
  return apps;
}
