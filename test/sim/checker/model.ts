/**
 * A log that keeps its promises, and clients that tell what they see of it: as simple as can be, and nothing is ever sent,
 * written to a disk or looked up. Its histories have to pass, whatever happens in them.
 */
import type { StoredRecord } from "../history.ts";
import type { Random } from "../kernel/random.ts";
import type { HistoryDraft, NewEvent } from "./draft.ts";

/** Names of topics that may be set back by a power loss. */
export const RELAXED: ReadonlySet<string> = new Set(["drafts"]);

interface Log {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  start: number;
  synced: number;
  /** From offset 0 on; those below the start are gone. */
  readonly records: StoredRecord[];
}

interface Reader {
  readonly log: Log;
  name: string;
  next: number;
}

interface Producer {
  readonly name: string;
  readonly kind: "outbox" | "all" | "one" | "plain";
  readonly producerId: bigint;
  epoch: number;
  published: number;
}

interface Pending {
  readonly id: string;
  readonly producer: Producer;
  readonly log: Log;
}

const PARTITIONS = 2;
const KEYS = ["a", "b", null] as const;

export class Model {
  private readonly random: Random;
  private readonly history: HistoryDraft = {
    events: [],
    partitions: [],
    replicas: [],
    outboxes: [],
    readers: [],
    groups: [],
  };
  private readonly logs: Log[] = [];
  private readonly readers: Reader[] = [];
  private readonly producers: readonly Producer[];
  private nowMs = 0;
  private leaderEpoch = 0;
  private names = 0;

  constructor(random: Random) {
    this.random = random;
    const kinds = [
      ["device-1/alice", "outbox"],
      ["device-1/bob", "outbox"],
      ["kafka-all", "all"],
      ["kafka-one", "one"],
      ["kafka-plain", "plain"],
    ] as const;
    this.producers = kinds.map(([name, kind], at) => ({
      name,
      kind,
      producerId: kind === "plain" ? -1n : BigInt(at),
      epoch: 0,
      published: 0,
    }));
    this.createTopic("orders");
    this.createTopic("drafts");
  }

  /** Lets so many things happen, and tells how all stands at the end. */
  run(steps: number): HistoryDraft {
    const { random } = this;
    const acts: [weight: number, act: () => void][] = [
      [40, () => this.publish(random.pick(this.producers))],
      [40, () => this.read(random.pick(this.readers))],
      [6, () => this.sync(random.pick(this.logs))],
      [3, () => this.beginReader(random.pick(this.logs))],
      [3, () => this.die("power loss")],
      [3, () => this.die("killed")],
      [3, () => this.retain(random.pick(this.logs))],
      [1, () => this.remakeTopic("orders")],
      [1, () => this.wipe("device-1/bob")],
    ];
    const bag = acts.flatMap(([weight, act]) => Array.from({ length: weight }, () => act));
    for (let step = 0; step < steps; step++) random.pick(bag)();
    return this.end();
  }

  private note(event: NewEvent): void {
    this.nowMs += this.random.between(0, 3);
    this.history.events.push({ ...event, atMs: this.nowMs });
  }

  private createTopic(topic: string): void {
    const topicId = `T${++this.names}`;
    this.note({ kind: "topic created", topic, topicId });
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const log: Log = { topic, topicId, partition, start: 0, synced: 0, records: [] };
      this.logs.push(log);
      this.beginReader(log);
    }
  }

  private remakeTopic(topic: string): void {
    const topicId = this.logs.find((log) => log.topic === topic)?.topicId ?? "";
    this.note({ kind: "topic deletion asked", topic, topicId });
    this.note({ kind: "topic deleted", topic, topicId });
    keep(this.logs, (log) => log.topic !== topic);
    keep(this.readers, ({ log }) => log.topic !== topic);
    this.createTopic(topic);
  }

  private beginReader(log: Log): void {
    const name = `reader-${++this.names}`;
    const from = this.random.between(0, visibleEnd(log));
    const earliest = this.random.chance(0.3);
    this.note({
      kind: "read from",
      reader: name,
      ...nameOf(log),
      from: earliest ? undefined : BigInt(from),
      earliest,
      askedMs: this.nowMs,
    });
    this.readers.push({ log, name, next: earliest ? log.start : from });
  }

  private read(reader: Reader): void {
    const { log } = reader;
    const place = { reader: reader.name, ...nameOf(log) };
    if (reader.next < log.start) {
      this.note({ kind: "gap", ...place, from: BigInt(reader.next), to: BigInt(log.start) });
      reader.next = log.start;
    }
    const to = Math.min(visibleEnd(log), reader.next + this.random.between(1, 4));
    for (const { offset, id } of log.records.slice(reader.next, to))
      this.note({ kind: "read", ...place, offset, id });
    reader.next = Math.max(reader.next, to);
  }

  private sync(log: Log): void {
    log.synced = log.records.length;
  }

  private retain(log: Log): void {
    const to = this.random.between(log.start, log.synced);
    this.note({ kind: "retention", ...nameOf(log), to: BigInt(to) });
    if (this.random.chance(0.3)) return;
    log.start = to;
    this.note({ kind: "retention done", ...nameOf(log), to: BigInt(to) });
  }

  private die(how: "killed" | "power loss"): void {
    this.note({ kind: "gateway died", how });
    this.leaderEpoch += 1;
    if (how === "killed") return;
    for (const log of this.logs) {
      log.records.splice(this.random.between(log.synced, log.records.length));
      this.sync(log);
    }
    // What they had been acknowledged may be gone: nobody can follow on it.
    for (const producer of this.producers) producer.epoch += 1;
    for (const reader of this.readers) {
      if (reader.next <= reader.log.records.length) continue;
      reader.next = reader.log.records.length;
      reader.name = `reader-${++this.names}`;
      this.note({ kind: "read from", reader: reader.name, ...nameOf(reader.log), from: BigInt(reader.next) });
    }
  }

  private wipe(producer: string): void {
    this.note({ kind: "device wiped", producer, outbox: true });
    keep(this.history.outboxes, (row) => row.producer !== producer);
  }

  private publish(producer: Producer): void {
    const { random } = this;
    const { name, kind } = producer;
    const number = producer.published++;
    const id = `${name}:${number}`;
    const topic = random.pick(["orders", "drafts"]);
    const key = random.pick(KEYS);
    const partition = key === null ? random.below(PARTITIONS) : KEYS.indexOf(key);
    const log = this.logs.find((each) => each.topic === topic && each.partition === partition);
    if (log === undefined) return;
    const known = random.chance(0.5) ? { topicId: log.topicId } : {};
    const tab = kind === "outbox" ? { tab: `tab-${random.between(1, 2)}`, ...known } : {};
    const principal = principalOf(name);
    const idempotent = kind !== "plain";
    this.note({ kind: "publish", id, producer: name, number, ...tab, principal, topic, key, idempotent });
    if (kind === "outbox") this.note({ kind: "queued", id });
    const pending = { id, producer, log };
    if (random.chance(0.1)) this.fail(pending);
    else this.deliver(pending);
  }

  private send({ id, producer }: Pending): void {
    this.note({ kind: "sent", id, principal: principalOf(producer.name) });
  }

  /** It stands in the log; whoever has lost the answer sends once more, or never knows. */
  private deliver(pending: Pending): void {
    const { random } = this;
    const { id, log, producer } = pending;
    this.send(pending);
    let offset = this.append(pending);
    const level = producer.kind === "one" ? "1" : "all";
    // Before it is answered, whoever hears the answer.
    if (level === "all" && !RELAXED.has(log.topic)) this.sync(log);
    if (random.chance(0.1)) {
      if (producer.kind !== "plain" && random.chance(0.5)) return this.note({ kind: "unknown", id });
      this.send(pending);
      if (producer.kind === "plain") offset = this.append(pending);
    }
    if (level === "all" && !RELAXED.has(log.topic)) this.sync(log);
    const known = random.chance(0.95) ? BigInt(offset) : -1n;
    this.note({ kind: "acknowledged", id, ...nameOf(log), offset: known, level });
  }

  /** It does not reach the log: not for now, not for certain, or not for good. */
  private fail(pending: Pending): void {
    const { id, producer } = pending;
    const fate = this.random.pick(["waiting", "in doubt", "refused", "discarded", "retried"] as const);
    if (fate !== "waiting") this.send(pending);
    if (producer.kind !== "outbox") return this.note({ kind: "unknown", id });
    if (fate === "refused") this.note({ kind: "refused", id, reason: "too large" });
    if (fate === "discarded") return this.note({ kind: "decided", id, word: "discard" });
    if (fate === "retried") {
      this.note({ kind: "decided", id, word: "retry" });
      // It had reached the log at first, too.
      if (this.random.chance(0.5)) this.append(pending);
      return this.deliver(pending);
    }
    const reason = fate === "waiting" ? undefined : "a reason";
    this.history.outboxes.push({ producer: producer.name, id, state: fate, reason });
  }

  private append({ id, producer, log }: Pending): number {
    const { records } = log;
    const { producerId, epoch: producerEpoch } = producer;
    const last = records.findLast((record) => record.producerId === producerId);
    const follows = last !== undefined && last.producerEpoch === producerEpoch;
    const sequence = producerId < 0n ? -1 : follows ? last.sequence + 1 : 0;
    const offset = BigInt(records.length);
    records.push({ offset, id, leaderEpoch: this.leaderEpoch, producerId, producerEpoch, sequence });
    return records.length - 1;
  }

  private end(): HistoryDraft {
    const { history } = this;
    for (const log of this.logs) this.sync(log);
    for (const reader of this.readers) {
      while (reader.next < reader.log.records.length) this.read(reader);
      history.readers.push({ reader: reader.name, ...nameOf(reader.log), next: BigInt(reader.next) });
    }
    for (const log of this.logs) {
      const { topic, start } = log;
      const copies = () => log.records.slice(start).map((record) => ({ ...record }));
      const from = BigInt(start);
      const to = BigInt(log.records.length);
      const holder = `device-1/alice/tab-${log.partition}`;
      history.partitions.push({
        topic,
        ...nameOf(log),
        logStartOffset: from,
        highWatermark: to,
        records: copies(),
      });
      history.replicas.push({ holder, ...nameOf(log), from, to, records: copies(), state: "live" });
    }
    return history;
  }
}

function nameOf({ topicId, partition }: Log): { topicId: string; partition: number } {
  return { topicId, partition };
}

function principalOf(producer: string): string {
  return producer.split("/")[1] ?? producer;
}

/** What readers may see. */
function visibleEnd({ topic, records, synced }: Log): number {
  return RELAXED.has(topic) ? records.length : synced;
}

function keep<Item>(list: Item[], isKept: (item: Item) => boolean): void {
  list.splice(0, list.length, ...list.filter(isKept));
}
