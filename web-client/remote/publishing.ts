/** Publishing across threads: records of one turn go together, as one run, and what becomes of them comes back. */
import type { RunFate } from "../../sync/outbox.ts";
import type { RecordRun } from "../../sync/record-run.ts";
import { Bell, deferred } from "../../sync/wait.ts";
import type { Deferred } from "../../sync/wait.ts";
import type { Publication } from "../core/api.ts";
import type { Position } from "../core/api-subscribe.ts";
import { packRecords } from "../core/pack-records.ts";
import type { TextRecord } from "../core/pack-records.ts";
import { errorForm, errorOf } from "./errors.ts";
import type { ErrorForm } from "./errors.ts";

/** What has become of records of a run: of `count` of them from `index` on. All are queued, or none. */
export type Outcome =
  /** `ids`: of their rows, by which they can be asked for. */
  | { readonly kind: "queued"; readonly ids: readonly number[] }
  | { readonly kind: "not queued"; readonly error: ErrorForm }
  | {
      readonly kind: "delivered";
      readonly index: number;
      readonly count: number;
      /** Of the first; the others follow on it, unless the offset is -1n: then none is known. */
      readonly position: Position;
    }
  | {
      readonly kind: "not delivered";
      readonly index: number;
      readonly count: number;
      readonly error: ErrorForm;
    };

type OfRecords = Extract<Outcome, { index: number }>;
type Delivered = Extract<Outcome, { kind: "delivered" }>;

/** Queues so many records, and tells what becomes of them, as it becomes known; ends when all is told. */
export async function* outcomes(
  count: number,
  queue: (fate: RunFate) => Promise<readonly number[]>,
): AsyncGenerator<readonly Outcome[], void, void> {
  let told: Outcome[] = [];
  let open = count;
  let isQueued = false;
  const bell = new Bell();
  const tell = (outcome: Outcome): void => {
    told.push(outcome);
    bell.ring();
  };
  const queued = queue({
    delivered: (index, position) => {
      open -= 1;
      const last = told.at(-1);
      if (last?.kind === "delivered" && follows(last, index, position))
        told[told.length - 1] = { ...last, count: last.count + 1 };
      else tell({ kind: "delivered", index, count: 1, position });
    },
    rejected: (index, error) => {
      open -= 1;
      tell({ kind: "not delivered", index, count: 1, error: errorForm(error) });
    },
  });
  queued.then(
    (ids) => {
      isQueued = true;
      tell({ kind: "queued", ids });
    },
    (error: unknown) => {
      [isQueued, open] = [true, 0];
      tell({ kind: "not queued", error: errorForm(error) });
    },
  );
  while (open > 0 || !isQueued || told.length > 0) {
    const rung = bell.next();
    const group = told;
    told = [];
    if (group.length > 0) yield group;
    else await rung;
  }
}

function follows(
  { index, count, position }: Delivered,
  next: number,
  { partition, offset }: Position,
): boolean {
  if (next !== index + count || partition !== position.partition) return false;
  return offset === (position.offset < 0n ? -1n : position.offset + BigInt(count));
}

/** A worker as this needs it, or those that follow on each other. */
export interface PublishingFar {
  /** Aborts when no other one will come. */
  readonly ended: AbortSignal;
  stream(
    name: "publish",
    signal: undefined,
    topic: string,
    run: RecordRun,
  ): AsyncIterable<readonly Outcome[]>;
  /** What becomes of records that were queued before. */
  stream(name: "fates", signal: undefined, ids: readonly number[]): AsyncIterable<readonly Outcome[]>;
}

/**
 * So much text and bytes, in characters and bytes, are sent before the turn is over: the worker stores them while the page makes
 * the next ones.
 */
const GROUP_MAX = 1024 * 1024;

export class Publisher {
  private readonly far: PublishingFar;
  private group: Group | undefined;

  constructor(far: PublishingFar) {
    this.far = far;
  }

  publish(topic: string, record: TextRecord): Publication {
    let { group } = this;
    if (group === undefined || group.topic !== topic || group.size >= GROUP_MAX) {
      this.sendGroup();
      const begun = new Group(topic);
      this.group = group = begun;
      queueMicrotask(() => this.group === begun && this.sendGroup());
    }
    return group.add(record);
  }

  /** Sends at once what was published in this turn. */
  sendGroup(): void {
    const { group } = this;
    this.group = undefined;
    if (group === undefined) return;
    try {
      const run = group.pack();
      void this.follow(group, group.indexes, this.far.stream("publish", undefined, group.topic, run));
    } catch (error) {
      // There is no memory for so much at once.
      group.fail(error);
    }
  }

  /** `indexes`: in the group, of the records that it is told of. */
  private async follow(
    group: Group,
    indexes: readonly number[],
    told: AsyncIterable<readonly Outcome[]>,
  ): Promise<void> {
    try {
      for await (const outcomesNow of told) for (const each of outcomesNow) group.settle(each, indexes);
    } catch (error) {
      // What is on the device has another worker to ask about; of the rest nobody can tell.
      const open = this.far.ended.aborted ? [] : group.open();
      if (open.length === 0) return group.fail(error);
      const ids = open.map((index) => group.ids[index] ?? -1);
      void this.follow(group, open, this.far.stream("fates", undefined, ids));
    }
  }
}

/** What is known of a record: where it is, or why it is not. */
type Known = Position | { readonly error: unknown };

/** Records that are published together: they share what can be shared, so that a record costs little more than its bytes. */
class Group {
  readonly topic: string;
  readonly queued = deferred<void>();
  /** Of the records, once they are queued. */
  ids: readonly number[] = [];
  size = 0;
  private records: TextRecord[] = [];
  private count = 0;
  private readonly known: Known[] = [];
  /** Of those that were asked for. */
  private readonly waiting = new Map<number, Deferred<Position>>();
  private failure: { readonly error: unknown } | undefined;

  constructor(topic: string) {
    this.topic = topic;
    // An app that does not ask is not to be stopped by an unhandled rejection.
    this.queued.promise.catch(() => undefined);
  }

  add(record: TextRecord): Publication {
    for (const { key, value } of [record, ...record.headers])
      this.size += (key?.length ?? 0) + (value?.length ?? 0);
    this.records.push(record);
    return new GroupPublication(this, this.count++);
  }

  pack(): RecordRun {
    const { records } = this;
    this.records = [];
    return packRecords(records);
  }

  get indexes(): readonly number[] {
    return Array.from({ length: this.count }, (_, index) => index);
  }

  /** Those that are queued, and of which nothing else is known. */
  open(): number[] {
    return this.ids.flatMap((_id, index) => (this.known[index] === undefined ? index : []));
  }

  delivered(index: number): Promise<Position> {
    let one = this.waiting.get(index);
    if (one === undefined) {
      one = deferred<Position>();
      one.promise.catch(() => undefined);
      this.waiting.set(index, one);
      const known = this.known[index] ?? this.failure;
      if (known !== undefined) settle(one, known);
    }
    return one.promise;
  }

  /** `indexes`: of the records that the outcome's places are in. */
  settle(outcome: Outcome, indexes: readonly number[]): void {
    if (outcome.kind === "not queued") return this.fail(errorOf(outcome.error));
    if (outcome.kind === "queued") {
      if (this.ids.length === 0) this.ids = outcome.ids;
      return this.queued.resolve();
    }
    for (let place = 0; place < outcome.count; place++) {
      const index = indexes[outcome.index + place] ?? -1;
      const known = knownBy(outcome, place);
      this.known[index] = known;
      const one = this.waiting.get(index);
      if (one !== undefined) settle(one, known);
    }
  }

  /** Nothing more will be told. */
  fail(error: unknown): void {
    this.failure = { error };
    this.queued.reject(error);
    // Those that are known have been settled.
    for (const one of this.waiting.values()) one.reject(error);
  }
}

/** Of the record at a place among those that the outcome is about. */
function knownBy(outcome: OfRecords, place: number): Known {
  if (outcome.kind === "not delivered") return { error: errorOf(outcome.error) };
  const { partition, offset } = outcome.position;
  return { partition, offset: offset < 0n ? offset : offset + BigInt(place) };
}

function settle(one: Deferred<Position>, known: Known): void {
  if ("error" in known) one.reject(known.error);
  else one.resolve(known);
}

/** Its promises are made when they are asked for. */
class GroupPublication implements Publication {
  private readonly group: Group;
  private readonly index: number;

  constructor(group: Group, index: number) {
    this.group = group;
    this.index = index;
  }

  get queued(): Promise<void> {
    return this.group.queued.promise;
  }

  get delivered(): Promise<Position> {
    return this.group.delivered(this.index);
  }
}
