/** Notices that a topic has got more partitions: nobody tells a reader, and what is written to them would be missed. */
import type { Clock } from "../log/clock.ts";
import type { Metadata, TopicMetadata } from "./metadata.ts";
import { onAbort, sleep } from "./wait.ts";

/** As Kafka's `metadata.max.age.ms`. What anybody else asks meanwhile is heard at once. */
const LOOK_MS = 300_000;

/** Calls `onMore` with the numbers of the new partitions each time there are some, until the signal aborts. */
export function watchPartitions(
  topic: TopicMetadata,
  { metadata, clock, signal }: { metadata: Metadata; clock: Clock; signal: AbortSignal },
  onMore: (partitions: number[]) => void,
): void {
  let known = topic.partitions;
  const learn = (topics: readonly TopicMetadata[]): void => {
    const partitions = topics.find((each) => each.id === topic.id)?.partitions ?? known;
    if (partitions <= known || signal.aborted) return;
    const added = Array.from({ length: partitions - known }, (_each, index) => known + index);
    known = partitions;
    onMore(added);
  };
  const stop = metadata.onLearned((_, topics) => learn(topics));
  // What was told after `topic` was taken and before this began.
  const told = metadata.lastTold(topic.name);
  if (told !== undefined) learn([told]);
  onAbort(signal, stop);
  void lookAgain(topic.name, metadata, clock, signal);
}

async function lookAgain(name: string, metadata: Metadata, clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) {
    await sleep(clock, LOOK_MS, signal);
    if (signal.aborted) return;
    metadata.invalidate(name);
    // Without a connection, or with an error, the next look tells.
    await metadata.topic(name).catch(() => undefined);
  }
}
