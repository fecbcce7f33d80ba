import { useSignal, useSignalEffect } from "@preact/signals";
import type { TopicSummary } from "../index.ts";
import { useConsole } from "./context.ts";
import { NoTopic, NothingToShow, Welcome } from "./empty-states.tsx";
import { formatCount, plural } from "./format.ts";
import { Icon } from "./icons.tsx";
import { KeepSwitch } from "./keep-switch.tsx";
import type { TailRow } from "./tail-buffer.ts";
import { Partitions } from "./partitions.tsx";
import { topicTabs } from "./place.ts";
import { Settings } from "./settings.tsx";
import { TailRows } from "./tail-rows.tsx";
import { TopicActivity } from "./topic-activity.tsx";
import type { TailStart } from "./tail-source.ts";

/** The chosen topic: what it is, whether this device keeps it, and its records as they come. */
export function Tail() {
  const { topics, chosen, chosenName } = useConsole();
  const topic = chosen.value;
  return (
    <section class="tail" aria-labelledby="tail-title">
      {topic !== undefined && <TopicTail key={topic.id} topic={topic} />}
      {topic === undefined && chosenName.value !== undefined && topics.value !== undefined && (
        <NoTopic name={chosenName.value} />
      )}
      {topics.value?.length === 0 && chosenName.value === undefined && <Welcome />}
    </section>
  );
}

/**
 * `scrolled` ends by itself when the reader comes back to the newest row; `pressed` ends when it is pressed again. While
 * paused the page shows what it showed; what arrives is counted.
 */
type Pause = {
  readonly by: "scrolled" | "pressed";
  readonly rows: readonly TailRow[];
  readonly received: number;
};

function TopicTail({ topic }: { topic: TopicSummary }) {
  const { place, go } = useConsole();
  const tab = place.value?.page === "topic" ? place.value.tab : "records";
  return (
    <>
      <div class="tail-head">
        <h2 id="tail-title" title={`topic id ${topic.id}`}>
          {topic.name}
        </h2>
        <Size topic={topic} />
        <KeepSwitch topic={topic} />
      </div>
      <nav class="tabs" aria-label={`Parts of ${topic.name}`}>
        {topicTabs.map((name) => (
          <button
            key={name}
            type="button"
            aria-current={tab === name ? "page" : undefined}
            onClick={() => go({ page: "topic", topic: topic.name, tab: name })}
          >
            {name}
          </button>
        ))}
      </nav>
      {tab === "partitions" && <Partitions topic={topic} />}
      {tab === "activity" && <TopicActivity topic={topic} />}
      {tab === "settings" && <Settings topic={topic} />}
      {tab === "records" && <Records topic={topic} />}
    </>
  );
}

function Records({ topic }: { topic: TopicSummary }) {
  const { tail, start } = useConsole();
  const paused = useSignal<Pause | undefined>(undefined);
  const isAtNewest = start.value.at === "newest";
  const shown = paused.value?.rows ?? tail.rows.value;
  const isNewSince =
    paused.value === undefined ? 0 : Math.max(0, tail.received.value - paused.value.received);

  // Reading from elsewhere starts afresh.
  useSignalEffect(() => {
    void start.value;
    paused.value = undefined;
  });

  const pause = (by: Pause["by"]): void => {
    paused.value = { by, rows: tail.rows.peek(), received: tail.received.peek() };
  };
  const togglePause = (): void => {
    if (paused.value?.by === "pressed") paused.value = undefined;
    else pause("pressed");
  };

  return (
    <>
      <div class="tail-tools">
        <StartChoice />
        <Filter />
        {isAtNewest && (
          <button
            type="button"
            class="tool"
            aria-pressed={paused.value?.by === "pressed"}
            onClick={togglePause}
          >
            <Icon name={paused.value?.by === "pressed" ? "play" : "pause"} />
            {paused.value?.by === "pressed" ? "Resume" : "Pause"}
          </button>
        )}
        <Rate isPaused={paused.value !== undefined} />
      </div>
      {tail.error.value !== undefined && (
        <p class="notice" role="alert">
          {tail.error.value}
        </p>
      )}
      {shown.length > 0 ? (
        <TailRows
          rows={shown}
          isFollowing={paused.value === undefined && isAtNewest}
          topOf={isAtNewest ? undefined : tail.page.value}
          showsPartition={topic.partitions.length > 1}
          onLeaveEnd={() => isAtNewest && paused.value === undefined && pause("scrolled")}
          onReachEnd={() => {
            if (paused.value?.by === "scrolled") paused.value = undefined;
          }}
        />
      ) : (
        <NothingToShow topic={topic} />
      )}
      {isNewSince > 0 && (
        <button type="button" class="newer" onClick={() => (paused.value = undefined)}>
          <Icon name="down" /> {plural(isNewSince, "new record")}
        </button>
      )}
      {tail.hasNext.value && (
        <button type="button" class="next" onClick={() => tail.showNext()}>
          <Icon name="down" /> Show the records after these
        </button>
      )}
    </>
  );
}

function Size({ topic }: { topic: TopicSummary }) {
  let records = 0n;
  for (const { logStartOffset, highWatermark } of topic.partitions) records += highWatermark - logStartOffset;
  return (
    <p class="size">
      {plural(records, "record")} · {plural(topic.partitions.length, "partition")}
    </p>
  );
}

const startNames: Record<TailStart["at"], string> = {
  newest: "Newest, live",
  beginning: "From the beginning",
  offset: "From an offset",
  time: "From a time",
};

function StartChoice() {
  const { start } = useConsole();
  const chosenAt = useSignal<TailStart["at"]>(start.value.at);
  const offset = useSignal(start.value.at === "offset" ? String(start.value.offset) : "0");
  const time = useSignal("");

  const choose = (at: TailStart["at"]): void => {
    chosenAt.value = at;
    if (at === "offset") applyOffset();
    else if (at === "time") applyTime();
    else start.value = { at };
  };
  const applyOffset = (): void => {
    // 18 digits always fit Kafka's int64.
    if (/^\d{1,18}$/.test(offset.value)) start.value = { at: "offset", offset: BigInt(offset.value) };
  };
  const applyTime = (): void => {
    const timestampMs = new Date(time.value).getTime();
    if (!Number.isNaN(timestampMs)) start.value = { at: "time", timestampMs };
  };
  return (
    <form
      class="start"
      onSubmit={(event) => {
        event.preventDefault();
        if (chosenAt.value === "time") applyTime();
        else applyOffset();
      }}
    >
      <select
        aria-label="Which records to show"
        value={chosenAt.value}
        onChange={(event) => choose(event.currentTarget.value as TailStart["at"])}
      >
        {Object.entries(startNames).map(([at, name]) => (
          <option key={at} value={at}>
            {name}
          </option>
        ))}
      </select>
      {chosenAt.value === "offset" && (
        <input
          inputMode="numeric"
          pattern="\d{1,18}"
          aria-label="Offset to begin at"
          value={offset.value}
          onInput={(event) => (offset.value = event.currentTarget.value)}
          onChange={applyOffset}
        />
      )}
      {chosenAt.value === "time" && (
        <input
          type="datetime-local"
          step="1"
          class="when"
          aria-label="Time to begin at"
          value={time.value}
          onInput={(event) => (time.value = event.currentTarget.value)}
          onChange={applyTime}
        />
      )}
    </form>
  );
}

/** Only records that have this in their key or value; the whole log is searched when it is read from its beginning. */
function Filter() {
  const { tail } = useConsole();
  return (
    <input
      type="search"
      class="find"
      placeholder="Find in keys and values"
      aria-label="Find in keys and values"
      value={tail.search.value}
      onInput={(event) => (tail.search.value = event.currentTarget.value)}
    />
  );
}

const RATE_MS = 1_000;

/** Where the rows come from, and how many came within the last second. */
function Rate({ isPaused }: { isPaused: boolean }) {
  const { tail, readsDevice, connection } = useConsole();
  const perSecond = useSignal(0);
  useSignalEffect(() => {
    let before = tail.received.peek();
    const timer = setInterval(() => {
      const now = tail.received.peek();
      // A tail that was opened anew counts from zero again.
      perSecond.value = Math.max(0, now - before);
      before = now;
    }, RATE_MS);
    return () => clearInterval(timer);
  });
  const isLive = connection.value.name === "live";
  const source = readsDevice.value ? "from device" : isLive ? "from gateway" : "no gateway";
  return (
    <p class="rate">
      {isPaused ? "paused" : source}
      {perSecond.value > 0 && ` · ${formatCount(perSecond.value)}/s`}
    </p>
  );
}
