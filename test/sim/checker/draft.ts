/** Histories that are made by hand: events in order, a logs' worth of records, and ways to damage them. */
import type { FinalPartition, History, HistoryEvent, StoredRecord } from "../history.ts";

type Draft<T> = T extends bigint | string | number | boolean | null | undefined
  ? T
  : { -readonly [Field in keyof T]: Draft<T[Field]> };

/** A history that may be changed. */
export type HistoryDraft = Draft<History>;
export type EventDraft = Draft<HistoryEvent>;
export type PartitionDraft = Draft<FinalPartition>;
type Untimed<Event> = Event extends unknown ? Omit<Event, "atMs"> : never;
/** An event whose time comes from its place. */
export type NewEvent = Untimed<EventDraft>;

/** Between two events. */
const STEP_MS = 10;

/** Events at 10 ms, 20 ms, ... in the order in which they are given. */
export function timed(events: readonly (NewEvent | readonly NewEvent[])[]): EventDraft[] {
  return events.flat().map((event, at) => ({ ...event, atMs: (at + 1) * STEP_MS }));
}

/** A record as a batch of its own would hold it: sequence 0 of producer id 1 unless it is said. */
export function stored(offset: number, id: string, fields: Partial<StoredRecord> = {}): Draft<StoredRecord> {
  return {
    offset: BigInt(offset),
    id,
    leaderEpoch: 0,
    producerId: 1n,
    producerEpoch: 0,
    sequence: 0,
    ...fields,
  };
}

/** The event of this kind about this record. */
export function eventOf<Kind extends HistoryEvent["kind"]>(
  { events }: HistoryDraft,
  kind: Kind,
  id: string,
): Extract<EventDraft, { kind: Kind }> {
  const found = events.find((event) => event.kind === kind && "id" in event && event.id === id);
  if (found === undefined) throw new Error(`no "${kind}" of ${id}`);
  return found as Extract<EventDraft, { kind: Kind }>;
}

/** Puts an event behind another one, a little later. */
export function insertAfter({ events }: HistoryDraft, before: EventDraft, event: NewEvent): void {
  events.splice(events.indexOf(before) + 1, 0, { ...event, atMs: before.atMs + 1 } as EventDraft);
}

export function remove<T>(list: T[], item: T): void {
  list.splice(list.indexOf(item), 1);
}
