/**
 * Runs of an outbox in IndexedDB: a row for as many records as go into one batch, and another one for their bytes, so that what
 * is published in one go costs a few rows and not one for each. The rows keep what the records become together: waiting,
 * frozen, gone. One that becomes anything else leaves its run, and has a row of its own from then on, under the same id.
 *
 * What is frozen leaves by deletes alone, which a device without room takes, too: it is there as long as its batch is, whatever
 * the run's row says.
 */
import type { IDBPObjectStore } from "idb";
import type { OutboxRecord, OutboxRecordState, OutboxRun } from "../sync/outbox-store.ts";
import { countOf } from "../sync/record-run.ts";
import { outboxRecordsOf } from "../sync/run-records.ts";
import type { AccountSchema } from "./databases.ts";

/** All but the contents: what is looked through. */
export interface StoredRun extends Omit<OutboxRun, "run"> {
  /** Id of the first record, on which the others follow. */
  readonly first: number;
  /** Of each record, as in STATES; 0: it is not in here any more. Nor is one that is frozen and in no batch. */
  readonly states: Uint8Array;
}

const GONE = 0;
const STATES: readonly (OutboxRecordState | undefined)[] = [undefined, "waiting", "frozen"];
const WAITING = 1;
const FROZEN = 2;

type Names = ("records" | "runs" | "contents" | "batches")[];
type Rows<Name extends Names[number]> = IDBPObjectStore<AccountSchema, Names, Name, "readwrite">;

/** As one transaction sees them. */
export class RecordRuns {
  private readonly rows: { readonly [Name in Names[number]]: Rows<Name> };
  /** In the order of their ids; as this transaction has changed them. */
  private loaded: Promise<StoredRun[]> | undefined;
  /** Once frozen ones that have gone with their batches are known as gone. */
  private checked: Promise<void> | undefined;
  private readonly decoded = new Map<StoredRun, Promise<OutboxRecord[]>>();

  constructor(rows: RecordRuns["rows"]) {
    this.rows = rows;
  }

  async add({ run, ...to }: OutboxRun): Promise<number> {
    const { records, runs, contents } = this.rows;
    const count = countOf(run);
    // Ids come from where those of single records do: the row of the last one takes all up to it.
    const first = await records.add({} as OutboxRecord);
    const last = first + count - 1;
    const stored = { ...to, first, states: new Uint8Array(count).fill(WAITING) };
    this.loaded = this.loaded?.then((others) => [...others, stored]);
    await Promise.all([
      records.put({ id: last } as OutboxRecord),
      records.delete(IDBKeyRange.bound(first, last)),
      runs.put(stored),
      contents.put(run, first),
    ]);
    return first;
  }

  /** Ids of all records from `first` to `last`, both included. */
  async ids(first: number, last: number): Promise<number[]> {
    const found: number[] = [];
    for (const run of await this.all())
      for (let id = Math.max(first, run.first); id <= Math.min(last, lastOf(run)); id++)
        if (stateOf(run, id) !== undefined) found.push(id);
    return found;
  }

  /** Those of these that are in a run. */
  async get(ids: readonly number[]): Promise<OutboxRecord[]> {
    const asked = new Set(ids);
    const found: OutboxRecord[] = [];
    for (const run of await this.of(ids)) {
      for (const record of await this.contentsOf(run)) {
        const state = stateOf(run, record.id);
        if (state !== undefined && asked.has(record.id)) found.push({ ...record, state });
      }
    }
    return found;
  }

  /** Records in one state, oldest first, at least `limit` of them if there are so many. */
  async inState(state: OutboxRecordState, limit: number, topic?: string): Promise<OutboxRecord[]> {
    const wanted = STATES.indexOf(state);
    const found: OutboxRecord[] = [];
    for (const run of await this.all(wanted)) {
      if (found.length >= limit) break;
      if (topic !== undefined && run.topic !== topic) continue;
      if (wanted > GONE && run.states.includes(wanted))
        for (const record of await this.contentsOf(run))
          if (stateOf(run, record.id) === state) found.push({ ...record, state });
    }
    return found;
  }

  async count(state: OutboxRecordState, topic?: string): Promise<number> {
    const wanted = STATES.indexOf(state);
    if (wanted <= GONE) return 0;
    let count = 0;
    for (const run of await this.all(wanted))
      if (topic === undefined || run.topic === topic)
        for (const each of run.states) if (each === wanted) count += 1;
    return count;
  }

  /** All later ones than that with this id. */
  async after(id: number): Promise<OutboxRecord[]> {
    return this.get(await this.ids(id + 1, Infinity));
  }

  async topics(state: OutboxRecordState): Promise<string[]> {
    const wanted = STATES.indexOf(state);
    const runs = wanted <= GONE ? [] : await this.all(wanted);
    return runs.filter(({ states }) => states.includes(wanted)).map(({ topic }) => topic);
  }

  /** Those of these that wait. */
  async waiting(ids: readonly number[]): Promise<number[]> {
    const runs = await this.of(ids, WAITING);
    return runs.length === 0 ? [] : ids.filter((id) => runs.some((run) => stateOf(run, id) === "waiting"));
  }

  freeze(ids: readonly number[]): Promise<void> {
    return this.change(ids, FROZEN);
  }

  /** They are gone; of those that are frozen, the batch goes in this transaction, too. */
  remove(ids: readonly number[]): Promise<void> {
    return this.change(ids, GONE);
  }

  /** They have rows of their own from now on, and may come into a batch again: their run has to say so. */
  moveOut(ids: readonly number[]): Promise<void> {
    return this.change(ids, GONE, true);
  }

  private async change(ids: readonly number[], next: number, haveRows = false): Promise<void> {
    const { runs, contents } = this.rows;
    const requests: Promise<unknown>[] = [];
    for (const run of await this.of(ids)) {
      const { first, states } = run;
      const before = new Set(ids.map((id) => states[id - first]));
      for (const id of ids) if (stateOf(run, id) !== undefined) states[id - first] = next;
      if (states.every((state) => state === GONE)) requests.push(runs.delete(first), contents.delete(first));
      else if (before.has(WAITING) || (haveRows && before.has(FROZEN))) requests.push(runs.put(run));
    }
    await Promise.all(requests);
  }

  /** `wanted`: what is looked for in them; who looks for what waits is spared the batches. */
  private async all(wanted = FROZEN): Promise<StoredRun[]> {
    const runs = await (this.loaded ??= this.rows.runs.getAll());
    if (wanted === FROZEN) await (this.checked ??= this.check(runs));
    return runs;
  }

  private async check(runs: readonly StoredRun[]): Promise<void> {
    const frozen = runs.filter(({ states }) => states.includes(FROZEN));
    if (frozen.length === 0) return;
    const sealed = new Set((await this.rows.batches.getAll()).flatMap(({ recordIds }) => recordIds));
    for (const { first, states } of frozen)
      for (const [index, state] of states.entries())
        if (state === FROZEN && !sealed.has(first + index)) states[index] = GONE;
  }

  /** Those that any of these may be in. */
  private async of(ids: readonly number[], wanted?: number): Promise<StoredRun[]> {
    if (ids.length === 0) return [];
    let [least, most] = [Infinity, -Infinity];
    for (const id of ids) [least, most] = [Math.min(least, id), Math.max(most, id)];
    return (await this.all(wanted)).filter((run) => run.first <= most && lastOf(run) >= least);
  }

  /** All that it began with, each as it was then. */
  private contentsOf(run: StoredRun): Promise<OutboxRecord[]> {
    const known = this.decoded.get(run);
    if (known !== undefined) return known;
    const decoded = this.rows.contents.get(run.first).then((content) => {
      // Both rows are written and deleted together.
      if (content === undefined)
        throw new Error(`the outbox has lost the contents of records ${run.first} to ${lastOf(run)}`);
      return outboxRecordsOf({ ...run, run: content }, run.first);
    });
    this.decoded.set(run, decoded);
    return decoded;
  }
}

function lastOf({ first, states }: StoredRun): number {
  return first + states.length - 1;
}

/** undefined: it is not in this run, or not any more. */
function stateOf({ first, states }: StoredRun, id: number): OutboxRecordState | undefined {
  return STATES[states[id - first] ?? GONE];
}
