/** Publishing across threads: records of one turn go together, and what becomes of each comes back. */
import { Bell, deferred } from "../../sync/wait.ts";
import type { Deferred } from "../../sync/wait.ts";
import type { Publication } from "../core/api.ts";
import type { Position } from "../core/api-subscribe.ts";
import type { EncodedRecord } from "../core/encode-record.ts";
import { errorForm, errorOf } from "./errors.ts";
import type { ErrorForm } from "./errors.ts";

/** A record of an outbox: `queued` resolves with the id of its row. */
export interface QueuedRecord {
  readonly queued: Promise<number>;
  readonly delivered: Promise<Position>;
}

/** What has become of a record of a group. */
export type Outcome =
  /** `id`: of its row, by which it can be asked for. */
  | { readonly index: number; readonly kind: "queued"; readonly id: number }
  | { readonly index: number; readonly kind: "delivered"; readonly position: Position }
  | { readonly index: number; readonly kind: "not queued" | "not delivered"; readonly error: ErrorForm };

/** Tells what becomes of these, as it becomes known; ends when all is told. */
export async function* outcomes(
  publications: readonly QueuedRecord[],
): AsyncGenerator<readonly Outcome[], void, void> {
  let told: Outcome[] = [];
  let open = 2 * publications.length;
  const bell = new Bell();
  const tell = (outcome: Outcome): void => {
    told.push(outcome);
    open -= 1;
    bell.ring();
  };
  for (const [index, { queued, delivered }] of publications.entries()) {
    queued.then(
      (id) => tell({ index, kind: "queued", id }),
      (error: unknown) => tell({ index, kind: "not queued", error: errorForm(error) }),
    );
    delivered.then(
      (position) => tell({ index, kind: "delivered", position }),
      (error: unknown) => tell({ index, kind: "not delivered", error: errorForm(error) }),
    );
  }
  while (open > 0 || told.length > 0) {
    const rung = bell.next();
    const group = told;
    told = [];
    if (group.length > 0) yield group;
    else await rung;
  }
}

interface Waiting {
  readonly record: EncodedRecord;
  readonly queued: Deferred<void>;
  readonly delivered: Deferred<Position>;
  /** Once it is queued, until it is known what became of it. */
  id?: number | undefined;
}

/** A worker as this needs it, or those that follow on each other. */
export interface PublishingFar {
  /** Aborts when no other one will come. */
  readonly ended: AbortSignal;
  stream(
    name: "publish",
    signal: undefined,
    topic: string,
    records: readonly EncodedRecord[],
  ): AsyncIterable<readonly Outcome[]>;
  /** What becomes of records that were queued before. */
  stream(name: "fates", signal: undefined, ids: readonly number[]): AsyncIterable<readonly Outcome[]>;
}

export class Publisher {
  private readonly far: PublishingFar;
  private group: { readonly topic: string; readonly waiting: Waiting[] } | undefined;

  constructor(far: PublishingFar) {
    this.far = far;
  }

  publish(topic: string, record: EncodedRecord): Publication {
    const one: Waiting = { record, queued: deferred<void>(), delivered: deferred<Position>() };
    // An app that does not ask is not to be stopped by an unhandled rejection.
    one.queued.promise.catch(() => undefined);
    one.delivered.promise.catch(() => undefined);
    if (this.group?.topic === topic) this.group.waiting.push(one);
    else {
      const group = { topic, waiting: [one] };
      this.sendGroup();
      this.group = group;
      queueMicrotask(() => this.group === group && this.sendGroup());
    }
    return { queued: one.queued.promise, delivered: one.delivered.promise };
  }

  /** Sends at once what was published in this turn. */
  sendGroup(): void {
    const { group } = this;
    this.group = undefined;
    if (group === undefined) return;
    const { topic, waiting } = group;
    const records = waiting.map(({ record }) => record);
    void this.follow(waiting, this.far.stream("publish", undefined, topic, records));
  }

  private async follow(waiting: readonly Waiting[], told: AsyncIterable<readonly Outcome[]>): Promise<void> {
    try {
      for await (const group of told) for (const each of group) settle(waiting, each);
    } catch (error) {
      // What is on the device has another worker to ask about; of the rest nobody can tell.
      const queued: Waiting[] = [];
      const ids: number[] = [];
      for (const one of waiting) {
        one.queued.reject(error);
        if (one.id === undefined || this.far.ended.aborted) one.delivered.reject(error);
        else {
          ids.push(one.id);
          queued.push(one);
        }
      }
      if (ids.length > 0) void this.follow(queued, this.far.stream("fates", undefined, ids));
    }
  }
}

function settle(waiting: readonly Waiting[], outcome: Outcome): void {
  const one = waiting[outcome.index];
  if (one === undefined) return;
  if (outcome.kind === "queued") {
    one.id = outcome.id;
    return one.queued.resolve();
  }
  if (outcome.kind === "not queued") return one.queued.reject(errorOf(outcome.error));
  one.id = undefined;
  if (outcome.kind === "delivered") one.delivered.resolve(outcome.position);
  else one.delivered.reject(errorOf(outcome.error));
}
