/** Puts fake-indexeddb under the simulation: its transactions and events go where their tab goes. */
import {
  connectionPrototype,
  idleTransaction,
  requestPrototype,
  transactionPrototype,
} from "./fake-internals.ts";
import type { Connection, RawDatabase, Request, Target, Transaction } from "./fake-internals.ts";
import { ownConnection, ownerOf, ownerOfOpening, ownerOfRequest } from "./owners.ts";
import type { Owner } from "./owners.ts";
import { nextStep } from "./next-step.ts";
import { SortedRecords } from "./sorted-records.ts";

/** How far a transaction is, and what will become of it. */
interface Course {
  /** Why it is aborted, and after how many steps: at its commit if it ends before. undefined: it is not. */
  readonly abortion: { readonly errorName: string; stepsLeft: number } | undefined;
  isSlow: boolean;
  isCommitting: boolean;
}

const courses = new WeakMap<Transaction, Course>();
/** Connections that were being made when their database was thrown away. */
const lost = new WeakSet<Connection>();

const FAILURES = ["AbortError", "UnknownError"];
const STEPS_MAX = 6;
const SLOW_MS = 50;

/** The database of a connection that nobody has yet is gone: it will never open. */
export function loseOpening(connection: Connection): void {
  lost.add(connection);
}

/** Whether all is written, and only the commit is outstanding. */
export function isCommitting(transaction: Transaction): boolean {
  return courses.get(transaction)?.isCommitting === true;
}

/** The answer takes it back. */
export function steerTransactions(): () => void {
  const start = transactionPrototype._start;
  const markFinished = transactionPrototype._markFinished;
  const dispatch = transactionPrototype.dispatchEvent;
  const open = connectionPrototype.transaction;
  const close = connectionPrototype.close;

  const commit = (transaction: Transaction, owner: Owner): void => {
    // Its tab died, or the database went, while it was on its way.
    if (transaction._state === "finished") return;
    owner.journal.committed(transaction);
    nextStep(transaction);
  };

  const step = (transaction: Transaction, owner: Owner): void => {
    const { process, faults } = owner;
    transaction._started = true;
    if (transaction._state === "finished") return start.call(transaction);
    if (!process.isAlive || lost.has(transaction.db)) {
      // All others were ended when the tab died; whoever waits to open the database must not wait for this one.
      if (transaction.mode === "versionchange") transaction._abort("AbortError");
      return;
    }
    if (process.isFrozen) return process.enter(() => step(transaction, owner));
    const course = courses.get(transaction) ?? begin(transaction, owner);
    if (course.isSlow) {
      course.isSlow = false;
      process.world.after(process.random.delay(0, SLOW_MS), () => step(transaction, owner));
      return;
    }
    const isDone = transaction._requests.every(({ request }) => request.readyState === "done");
    const { abortion } = course;
    if (abortion !== undefined && (isDone || abortion.stepsLeft-- === 0)) {
      const { trace } = process.world;
      trace.count("idb: transaction aborted");
      trace.say(process.name, `IndexedDB aborts a ${transaction.mode} transaction: ${abortion.errorName}`);
      transaction._abort(abortion.errorName);
    } else if (isDone && transaction.mode === "readwrite") {
      course.isCommitting = true;
      // Nothing can be asked of it any more.
      transaction._state = "committing";
      const [least, most] = faults.commitMs;
      process.world.after(process.random.delay(least, most), () => commit(transaction, owner));
    } else {
      if (isDone) owner.journal.committed(transaction);
      nextStep(transaction);
    }
  };

  transactionPrototype._start = function (this: Transaction) {
    const owner = ownerOf(this.db);
    if (owner === undefined) start.call(this);
    else step(this, owner);
  };

  // In place of the package's, which leaves it in the list until another task: three tasks in ten, for nothing.
  transactionPrototype._markFinished = function (this: Transaction) {
    if (ownerOf(this.db) === undefined || this.mode === "versionchange") return markFinished.call(this);
    this._state = "finished";
    const { transactions } = this.db._rawDatabase;
    const at = transactions.indexOf(this);
    if (at >= 0) transactions.splice(at, 1);
  };

  transactionPrototype.dispatchEvent = function (this: Transaction, event) {
    const owner = ownerOf(this.db);
    const isHeard = owner === undefined || (owner.process.isAlive && !owner.process.isFrozen);
    // That a database could not be made is heard by those, too, who wait to open it.
    if (isHeard || this.mode === "versionchange") return dispatch.call(this, event);
    this.db._rawDatabase.processTransactions();
    return tell(owner, () => dispatch.call(this, event));
  };

  requestPrototype.dispatchEvent = function (this: Request, event) {
    const opening = ownerOfOpening(this);
    if (opening !== undefined)
      return tellOpening(this, opening, event.type, () => dispatch.call(this, event));
    const owner = ownerOfRequest(this);
    return owner === undefined ? dispatch.call(this, event) : tell(owner, () => dispatch.call(this, event));
  };

  connectionPrototype.dispatchEvent = function (this: Connection, event) {
    const owner = ownerOf(this);
    return owner === undefined ? dispatch.call(this, event) : tell(owner, () => dispatch.call(this, event));
  };

  connectionPrototype.transaction = function (this: Connection, names, mode, options) {
    // An app that still holds the client of a dead tab asks in vain.
    if (ownerOf(this)?.process.isAlive === false) return idleTransaction(this, names, mode ?? "readonly");
    return open.call(this, names, mode, options);
  };

  connectionPrototype.close = function (this: Connection) {
    if (ownerOf(this) === undefined) return close.call(this);
    // Its transactions go on; nobody has to ask again and again whether they have ended.
    this._closePending = true;
    this._closed = true;
    const database = this._rawDatabase;
    database.connections = database.connections.filter((each) => each !== this);
  };

  return () => {
    transactionPrototype._start = start;
    transactionPrototype._markFinished = markFinished;
    connectionPrototype.transaction = open;
    connectionPrototype.close = close;
    for (const prototype of [transactionPrototype, requestPrototype, connectionPrototype] as Target[])
      Reflect.deleteProperty(prototype, "dispatchEvent");
  };
}

function begin(transaction: Transaction, { process, faults }: Owner): Course {
  const { random } = process;
  const names = transaction.mode === "readonly" ? FAILURES : [...FAILURES, "QuotaExceededError"];
  const course = {
    abortion: random.chance(faults.abortRate)
      ? { errorName: random.pick(names), stepsLeft: random.below(STEPS_MAX) }
      : undefined,
    isSlow: random.chance(faults.slowRate),
    isCommitting: false,
  };
  courses.set(transaction, course);
  return course;
}

function tell({ process }: Owner, dispatch: () => boolean): boolean {
  process.enter(() => void dispatch());
  return true;
}

function tellOpening(request: Request, owner: Owner, type: string, dispatch: () => boolean): boolean {
  const connection = request.readyState === "done" ? (request.result as Connection | undefined) : undefined;
  if (connection !== undefined && (type === "upgradeneeded" || type === "success")) {
    ownConnection(connection, owner);
    startOnlyWhoWaits(connection._rawDatabase);
    if (!owner.process.isAlive && type === "success") connection.close();
  }
  // The stores are made in the very call of this event: it cannot wait for a frozen tab, only its transaction can.
  if (type === "upgradeneeded" && owner.process.isAlive) {
    const isDone = dispatch();
    if (connection !== undefined) sortRecords(connection._rawDatabase);
    return isDone;
  }
  return tell(owner, dispatch);
}

/** The stores that have just been made, which are empty still. */
function sortRecords({ rawObjectStores }: RawDatabase): void {
  for (const store of rawObjectStores.values()) {
    if (store.records.size() === 0) store.records = new SortedRecords(true);
    for (const index of store.rawIndexes.values())
      if (index.records.size() === 0) index.records = new SortedRecords(index.unique);
  }
}

const thrifty = new WeakSet<RawDatabase>();

/** After each transaction the package looks for the next one, a task later; mostly there is none. */
function startOnlyWhoWaits(database: RawDatabase): void {
  if (thrifty.has(database)) return;
  thrifty.add(database);
  const { processTransactions } = database;
  database.processTransactions = () => {
    if (
      database.transactions.some(
        ({ _started: isStarted, _state: state }) => !isStarted && state !== "finished",
      )
    )
      processTransactions();
  };
}
