/** Publishing across threads: records of one turn go together, and what becomes of each comes back. */
import { Bell, deferred } from "../../sync/wait.ts";
import type { Deferred } from "../../sync/wait.ts";
import type { Publication } from "../core/api.ts";
import type { Position } from "../core/api-subscribe.ts";
import type { EncodedRecord } from "../core/encode-record.ts";
import { errorForm, errorOf } from "./errors.ts";
import type { ErrorForm } from "./errors.ts";

/** What has become of a record of a group. */
export type Outcome =
  | { readonly index: number; readonly kind: "queued" }
  | { readonly index: number; readonly kind: "delivered"; readonly position: Position }
  | { readonly index: number; readonly kind: "not queued" | "not delivered"; readonly error: ErrorForm };

/** Tells what becomes of these, as it becomes known; ends when all is told. */
export async function* outcomes(
  publications: readonly Publication[],
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
      () => tell({ index, kind: "queued" }),
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
}

/** Sends a group of records of one topic, and answers what becomes of them. */
export type SendGroup = (
  topic: string,
  records: readonly EncodedRecord[],
) => AsyncIterable<readonly Outcome[]>;

export class Publisher {
  private readonly send: SendGroup;
  private group: { readonly topic: string; readonly waiting: Waiting[] } | undefined;

  constructor(send: SendGroup) {
    this.send = send;
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
    if (group !== undefined) void this.follow(group.topic, group.waiting);
  }

  private async follow(topic: string, waiting: readonly Waiting[]): Promise<void> {
    const records = waiting.map(({ record }) => record);
    try {
      for await (const told of this.send(topic, records)) for (const each of told) settle(waiting, each);
    } catch (error) {
      for (const { queued, delivered } of waiting) {
        queued.reject(error);
        delivered.reject(error);
      }
    }
  }
}

function settle(waiting: readonly Waiting[], outcome: Outcome): void {
  const one = waiting[outcome.index];
  if (outcome.kind === "queued") one?.queued.resolve();
  else if (outcome.kind === "delivered") one?.delivered.resolve(outcome.position);
  else if (outcome.kind === "not queued") one?.queued.reject(errorOf(outcome.error));
  else one?.delivered.reject(errorOf(outcome.error));
}
