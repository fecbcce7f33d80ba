/**
 * Runs of an outbox in IndexedDB: a row for as many records as go into one batch, and another one for their bytes, so that what
 * is published in one go costs a few rows and not one for each. The rows keep what the records become together: waiting,
 * frozen, gone. One that becomes anything else leaves its run, and has a row of its own from then on, under the same id.
 */
import type { IDBPObjectStore } from "idb";
import type { OutboxRecord, OutboxRecordState, OutboxRun } from "../sync/outbox-store.ts";
import { countOf, outboxRecordsOf } from "../sync/record-run.ts";
import type { AccountSchema } from "./databases.ts";

/** All but the contents: what is looked through. */
export interface StoredRun extends Omit<OutboxRun, "run"> {
  /** Id of the first record, on which the others follow. */
  readonly first: number;
  /** Of each record, as in STATES; 0: it is not in here any more. */
  readonly states: Uint8Array;
}

const GONE = 0;
const STATES: readonly (OutboxRecordState | undefined)[] = [undefined, "waiting", "frozen"];

type Names = ("records" | "runs" | "contents")[];
type Rows<Name extends Names[number]> = IDBPObjectStore<AccountSchema, Names, Name, "readwrite">;

/** As one transaction sees them. */
export class RecordRuns {
  private readonly records: Rows<"records">;
  private readonly runs: Rows<"runs">;
  private readonly contents: Rows<"contents">;
  /** In the order of their ids; as this transaction has changed them. */
  private loaded: Promise<StoredRun[]> | undefined;
  private readonly decoded = new Map<StoredRun, Promise<OutboxRecord[]>>();

  constructor(records: Rows<"records">, runs: Rows<"runs">, contents: Rows<"contents">) {
    this.records = records;
    this.runs = runs;
    this.contents = contents;
  }

  async add({ run, ...to }: OutboxRun): Promise<number> {
    const count = countOf(run);
    // Ids come from where those of single records do: the row of the last one takes all up to it.
    const first = await this.records.add({} as OutboxRecord);
    const last = first + count - 1;
    const stored = { ...to, first, states: new Uint8Array(count).fill(STATES.indexOf("waiting")) };
    this.loaded = this.loaded?.then((runs) => [...runs, stored]);
    await Promise.all([
      this.records.put({ id: last } as OutboxRecord),
      this.records.delete(IDBKeyRange.bound(first, last)),
      this.runs.put(stored),
      this.contents.put(run, first),
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
    for (const run of await this.all()) {
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
    for (const run of await this.all())
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
    const runs = wanted <= GONE ? [] : await this.all();
    return runs.filter(({ states }) => states.includes(wanted)).map(({ topic }) => topic);
  }

  /** Those of these that wait. */
  async waiting(ids: readonly number[]): Promise<number[]> {
    const runs = await this.of(ids);
    return runs.length === 0 ? [] : ids.filter((id) => runs.some((run) => stateOf(run, id) === "waiting"));
  }

  freeze(ids: readonly number[]): Promise<void> {
    return this.change(ids, "frozen");
  }

  /** They are gone, or have rows of their own. */
  remove(ids: readonly number[]): Promise<void> {
    return this.change(ids, undefined);
  }

  private async change(ids: readonly number[], next: OutboxRecordState | undefined): Promise<void> {
    const requests: Promise<unknown>[] = [];
    for (const run of await this.of(ids)) {
      const { first, states } = run;
      let hasChanged = false;
      for (const id of ids) {
        if (stateOf(run, id) === undefined) continue;
        states[id - first] = STATES.indexOf(next);
        hasChanged = true;
      }
      if (!hasChanged) continue;
      if (states.some((state) => state !== GONE)) requests.push(this.runs.put(run));
      else requests.push(this.runs.delete(first), this.contents.delete(first));
    }
    await Promise.all(requests);
  }

  private all(): Promise<StoredRun[]> {
    return (this.loaded ??= this.runs.getAll());
  }

  /** Those that any of these may be in. */
  private async of(ids: readonly number[]): Promise<StoredRun[]> {
    const runs = await this.all();
    if (runs.length === 0) return runs;
    let [least, most] = [Infinity, -Infinity];
    for (const id of ids) [least, most] = [Math.min(least, id), Math.max(most, id)];
    return runs.filter((run) => run.first <= most && lastOf(run) >= least);
  }

  /** All that it began with, each as it was then. */
  private contentsOf(run: StoredRun): Promise<OutboxRecord[]> {
    const known = this.decoded.get(run);
    if (known !== undefined) return known;
    const decoded = this.contents.get(run.first).then((content) => {
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
