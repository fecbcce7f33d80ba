/**
 * The steps of a publish, and how a tab is stopped in each of them: its worker, where the client lives, stands still in the
 * middle of what it does, and nothing of it goes on until its tab is dead; or the wire keeps back what was said.
 */
import type { Direction } from "./wire.ts";

/** A row is about to be written, was written in a transaction that has not ended, or is there and nobody was told. */
interface RowStep {
  readonly store: "records" | "batches" | "receipts" | "chunks";
  readonly when: "before" | "during" | "after";
}

/** A Produce request, or its answer, is on its way. */
interface WireStep {
  readonly held: Direction;
  /** It never arrives; otherwise it does when its tab is dead. */
  readonly isLost: boolean;
}

export type Step = RowStep | WireStep;

/** In the order in which a publish goes through them. */
export const STEPS = {
  "before the outbox is written": { store: "records", when: "before" },
  "while the outbox is written": { store: "records", when: "during" },
  "when the outbox is written, and nobody was told": { store: "records", when: "after" },
  "while its batch is sealed": { store: "batches", when: "during" },
  "when its batch is sealed, and not sent": { store: "batches", when: "after" },
  "when its batch is sent, and gets lost": { held: "requests", isLost: true },
  "when its batch is sent, and arrives after its death": { held: "requests", isLost: false },
  "when its batch is in the log, and the answer is not heard": { held: "answers", isLost: true },
  "when its batch is acknowledged, and that is not noted": { store: "receipts", when: "before" },
  "while it is noted that its batch is acknowledged": { store: "receipts", when: "during" },
  "when it is noted, and nobody was told": { store: "receipts", when: "after" },
  "while a replica is written": { store: "chunks", when: "during" },
  "when a replica is written, and nobody was told": { store: "chunks", when: "after" },
} as const satisfies Record<string, Step>;

export type StepName = keyof typeof STEPS;
export const STEP_NAMES = Object.keys(STEPS) as readonly StepName[];

/** Whether this happens in the tab that publishes; all else does in the tab that leads. */
export function isOfPublisher(step: Step): boolean {
  return "store" in step && step.store === "records";
}

/** Does this in the worker where the client lives. */
export type InWorker = <A, R>(work: (argument: A) => R | Promise<R>, argument: A) => Promise<R>;

/** Makes the worker stand still at `url` when it comes to this step, once. */
export function stopAt(inWorker: InWorker, { store, when }: RowStep, url: string): Promise<void> {
  return inWorker(
    ({ store, when, url }) => {
      let isDone = false;
      const stop = (): void => {
        if (isDone) return;
        isDone = true;
        // A worker that waits for an answer in this way does nothing else.
        const request = new XMLHttpRequest();
        request.open("GET", url, false);
        request.send();
      };
      const watched = new WeakSet<IDBTransaction>();
      const stores = IDBObjectStore.prototype;
      for (const method of ["add", "put"] as const) {
        const write = stores[method];
        stores[method] = function (this: IDBObjectStore, value: unknown, key?: IDBValidKey) {
          const isIt = this.name === store;
          if (isIt && when === "before") stop();
          const request = key === undefined ? write.call(this, value) : write.call(this, value, key);
          if (isIt && when === "during") stop();
          if (isIt && when === "after") watched.add(this.transaction);
          return request;
        };
      }
      // Before all others that listen to the transaction's end, whenever they began.
      const transactions = IDBTransaction.prototype;
      const known = new WeakSet<IDBTransaction>();
      transactions.addEventListener = function (
        this: IDBTransaction,
        ...args: Parameters<EventTarget["addEventListener"]>
      ) {
        const listen = (...its: typeof args): void => EventTarget.prototype.addEventListener.apply(this, its);
        if (!known.has(this)) listen("complete", () => watched.has(this) && stop());
        known.add(this);
        listen(...args);
      } as typeof transactions.addEventListener;
    },
    { store, when, url },
  );
}
