/**
 * One Kafka client as a process of its own, which can be killed and stopped at any moment: the simulator's producer or member
 * of a group over a real socket. It says on its standard output what it does and sees, before it goes on. Bundled by
 * `crowd.ts`.
 */
import { writeSync } from "node:fs";
import { MemberLife } from "../sim/workload/group-member.ts";
import { KafkaProducer } from "../sim/workload/kafka-producer.ts";
import type { KafkaRun } from "../sim/workload.ts";
import { toLine, type ClientOptions, type Told } from "./client-lines.ts";
import { machineMs, realWorld, socketTo } from "./real-time.ts";

const STDOUT = 1;
const LOOK_MS = 50;

const options = JSON.parse(process.argv[2] ?? "") as ClientOptions;
const { name, kafkaPort, seed, topics, group } = options;
const world = realWorld(seed);
const run: KafkaRun = {
  world,
  random: world.random.fork(name),
  // It knows no more than it is answered.
  gateway: { cluster: undefined, process: undefined },
  openKafka: (client) => socketTo(kafkaPort, client),
  topics: topics.map(({ name: topic, partitions }) => ({
    name: topic,
    partitions,
    configs: new Map(),
    isRelaxed: false,
  })),
  note: (event) => tell({ event: { ...event, atMs: machineMs() } }),
};

if (group === undefined) {
  const producer = new KafkaProducer(run, name, { acks: -1, isIdempotent: true, pauseMsMax: 60 });
  producer.start();
  whenCalm(
    () => producer.calm(),
    () => producer.waitsFor,
  );
} else {
  const member = new MemberLife(run, name, group, run.random);
  member.begin();
  whenCalm(
    () => member.calm(),
    () => member.openCommit,
  );
}
const watching = setInterval(() => {
  for (const violation of world.trace.violations.splice(0)) tell({ violation });
}, LOOK_MS);
watching.unref();

/** At a word from outside it begins nothing new, and says when all is done. */
function whenCalm(calm: () => void, waitsFor: () => string | undefined): void {
  process.stdin.once("data", () => {
    calm();
    let said: string | undefined = "";
    setInterval(() => {
      const waits = waitsFor();
      if (waits !== said) tell({ waits: waits ?? null });
      said = waits;
    }, LOOK_MS);
  });
}

function tell(told: Told): void {
  // Whoever is killed has said what it did before: nothing is kept back in the process.
  writeSync(STDOUT, `${toLine(told)}\n`);
}
