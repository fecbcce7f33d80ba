/** Rules: the final logs are well made, and the topics are those that ought to be there. */
import type { StoredRecord } from "../history.ts";
import type { Ledger } from "./ledger.ts";
import type { PartitionStory } from "./partition-story.ts";
import { END } from "./record-story.ts";
import { time } from "./words.ts";

/**
 * Offsets rise by one from the log's start to its end, leader epochs never fall, and the start is where it was
 * asked to be: what is gone stays gone.
 */
export function* logsAreWhole(ledger: Ledger): Generator<string, void, void> {
  for (const partition of ledger.partitions()) {
    const { final, start, end, name } = partition;
    if (final === undefined) continue;
    let next = start;
    let epoch = -1;
    for (const { offset, id, leaderEpoch } of final.records) {
      const at = Number(offset);
      const missed = ledger.firstOwed(partition, next, at);
      if (missed !== undefined) yield `${name} has nothing at offset ${missed} of [${start}, ${end})`;
      if (at < next) yield `${name} has ${id} at offset ${at}, when offset ${next} was next`;
      if (leaderEpoch < epoch)
        yield `${partition.place(at)} (${id}) has leader epoch ${leaderEpoch}, after ${epoch} before it`;
      next = at + 1;
      epoch = leaderEpoch;
    }
    const missed = ledger.firstOwed(partition, next, end);
    if (missed !== undefined) yield `${name} has nothing at offset ${missed} of [${start}, ${end})`;
    if (next > end && final.records.length > 0) yield `${name} has offset ${next - 1} beyond its end ${end}`;
    const asked = partition.retainedTo(END);
    if (start > asked) yield `${name} starts at ${start}, and only what is before ${asked} was asked to go`;
    const gone = partition.retained.find(({ event }) => event.to > BigInt(start))?.event;
    if (gone !== undefined)
      yield `${name} starts at ${start}, and what is before ${gone.to} was gone for good at ${time(gone.atMs)}`;
  }
}

interface ProducerState {
  readonly producer: string;
  /** By partition: what it wrote there last. */
  readonly last: Map<PartitionStory, StoredRecord>;
}

/**
 * Under one producer id and epoch sequences rise by one along a partition, another epoch is higher and begins with 0, and a
 * producer id belongs to one producer. In a compacted log as many are missing as there are offsets without a record.
 */
export function* sequencesJoin(ledger: Ledger): Generator<string, void, void> {
  const states = new Map<bigint, ProducerState>();
  for (const partition of ledger.partitions()) {
    for (const record of partition.final?.records ?? []) {
      const { id, producerId, producerEpoch, sequence } = record;
      if (producerId < 0n) continue;
      const producer = ledger.record(id).published?.event.producer ?? "nobody";
      let state = states.get(producerId);
      if (state === undefined) states.set(producerId, (state = { producer, last: new Map() }));
      const where = `${partition.place(Number(record.offset))} (${id})`;
      const last = state.last.get(partition);
      state.last.set(partition, record);
      if (state.producer !== producer)
        yield `${where} was written under producer id ${producerId}, which belongs to ${state.producer}`;
      if (last === undefined) continue;
      const due = producerEpoch === last.producerEpoch ? (last.sequence + 1) % 2 ** 31 : 0;
      if (producerEpoch < last.producerEpoch)
        yield `${where} has epoch ${producerEpoch} of producer id ${producerId}, after ${last.producerEpoch} at offset ${last.offset}`;
      else if (partition.topic.isCompacted) {
        const isRisen = producerEpoch > last.producerEpoch || sequence > last.sequence;
        const isNear = sequence - last.sequence <= Number(record.offset - last.offset);
        if (!isRisen || (producerEpoch === last.producerEpoch && !isNear))
          yield `${where} has sequence ${sequence} of producer id ${producerId} epoch ${producerEpoch}, after ${last.sequence} at offset ${last.offset}`;
      }
      // What such a topic lost it may have forgotten the producer of, and then it takes any sequence as the first.
      else if (sequence !== due && !(partition.topic.isRelaxed && ledger.hasLoss(0, Infinity)))
        yield `${where} has sequence ${sequence} of producer id ${producerId} epoch ${producerEpoch}, and ${due} was due after offset ${last.offset}`;
    }
  }
}

/** A topic goes only when it is asked to, and then for good; and no two have one name. */
export function* topicsAreThere(ledger: Ledger): Generator<string, void, void> {
  const byName = new Map<string, string>();
  for (const topic of ledger.topics.values()) {
    const { name, topicId, created, deleted } = topic;
    const who = `topic ${name} (topic id ${topicId})`;
    if (!topic.exists) {
      const isKnown = created !== undefined || hasAcknowledged(topic.partitions.values());
      if (isKnown && !topic.mayBeGone) yield `${who} is gone, and nobody deleted it`;
      continue;
    }
    if (deleted !== undefined)
      yield `${who} was deleted at ${time(deleted.event.atMs)}, and is there at the end`;
    for (const partition of topic.partitions.values())
      if (partition.final === undefined)
        yield `partition ${partition.partition} of ${who} is not there at the end`;
    const other = byName.get(name);
    if (other !== undefined) yield `${who} and topic id ${other} have one name`;
    byName.set(name, topicId);
  }
}

/** Whether somebody was told that records are in this topic. */
function hasAcknowledged(partitions: Iterable<PartitionStory>): boolean {
  for (const { observations } of partitions) if (observations.length > 0) return true;
  return false;
}
