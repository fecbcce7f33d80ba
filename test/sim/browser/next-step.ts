/** One step of a transaction, as fake-indexeddb does it: its own stamps each event with the host's time, and does much for nothing. */
import type { Connection, Request, Transaction } from "./fake-internals.ts";

/** The package's event with all that dispatching it looks at. */
class TaskEvent {
  readonly NONE = 0;
  readonly CAPTURING_PHASE = 1;
  readonly AT_TARGET = 2;
  readonly BUBBLING_PHASE = 3;
  readonly type: string;
  readonly bubbles: boolean;
  readonly cancelable: boolean;
  readonly initialized = true;
  readonly eventPath: (Connection | Transaction)[];
  propagationStopped = false;
  immediatePropagationStopped = false;
  canceled = false;
  dispatched = false;
  isTrusted = false;
  target: unknown = null;
  currentTarget: unknown = null;
  eventPhase = 0;

  constructor(type: "success" | "error" | "complete", eventPath: (Connection | Transaction)[]) {
    this.type = type;
    this.bubbles = type === "error";
    this.cancelable = type === "error";
    this.eventPath = eventPath;
  }

  preventDefault(): void {
    this.canceled ||= this.cancelable;
  }

  stopPropagation(): void {
    this.propagationStopped = true;
  }

  stopImmediatePropagation(): void {
    this.propagationStopped = true;
    this.immediatePropagationStopped = true;
  }
}

/** Does the next request and tells of it, or ends the transaction when there is none. */
export function nextStep(transaction: Transaction): void {
  transaction._started = true;
  for (let next = transaction._requests.shift(); next !== undefined; next = transaction._requests.shift()) {
    // It is done already where its transaction was aborted.
    if (next.request.readyState === "done") continue;
    if (next.request.source === null) next.operation();
    else answer(transaction, next.request, next.operation);
    // Another chance for requests that come of this one.
    setImmediate(() => transaction._start());
    return;
  }
  if (transaction._state === "finished") return;
  transaction._markFinished();
  if (transaction.error === null) transaction.dispatchEvent(new TaskEvent("complete", []));
}

function answer(transaction: Transaction, request: Request, operation: () => unknown): void {
  let failure: string | undefined;
  request.readyState = "done";
  try {
    request.result = operation();
    request.error = undefined;
  } catch (error) {
    request.result = undefined;
    request.error = error;
    failure = (error as Error).name;
  }
  if (transaction._state === "inactive") transaction._state = "active";
  const event = new TaskEvent(failure === undefined ? "success" : "error", [transaction.db, transaction]);
  try {
    request.dispatchEvent(event);
  } catch {
    // A listener threw.
    if (transaction._state !== "active") return;
    failure = undefined;
    transaction._abort("AbortError");
  }
  if (failure !== undefined && !event.canceled) transaction._abort(failure);
}
