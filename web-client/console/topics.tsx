import { useSignal } from "@preact/signals";
import type { TopicSummary } from "../index.ts";
import { useConsole } from "./context.ts";
import { latestOf } from "./activity.ts";
import { formatBytes, formatRate, plural } from "./format.ts";
import { Icon } from "./icons.tsx";
import { NewTopicDialog } from "./new-topic.tsx";
import { TOPIC_NAME_PATTERN, TOPIC_NAME_RULE } from "./publishing.ts";

/** From this many topics on, a field to search them is worth its place. */
const SEARCH_FROM = 8;

/** All topics with their size; choosing one shows its tail. */
export function Topics() {
  const { topics, connection } = useConsole();
  const search = useSignal("");
  const all = topics.value;
  const found = all?.filter(({ name }) => name.toLowerCase().includes(search.value.toLowerCase())) ?? [];
  return (
    <nav class="topics" aria-labelledby="topics-title">
      <Pages />
      <div class="pane-head">
        <h2 id="topics-title">Topics</h2>
        {all !== undefined && all.length > 0 && <span class="count">{all.length}</span>}
      </div>
      {all !== undefined && all.length >= SEARCH_FROM && (
        <input
          type="search"
          class="search"
          placeholder="Find a topic"
          aria-label="Find a topic"
          value={search.value}
          onInput={(event) => (search.value = event.currentTarget.value)}
        />
      )}
      <ul>
        {found.map((topic) => (
          <TopicItem key={topic.id} topic={topic} />
        ))}
      </ul>
      {all?.length === 0 && (
        <p class="quiet">
          {connection.value.name === "live"
            ? "None yet."
            : "None known on this device. They show up once it is live."}
        </p>
      )}
      {all !== undefined && all.length > 0 && found.length === 0 && (
        <p class="quiet">No topic has that in its name.</p>
      )}
      <NewTopic />
    </nav>
  );
}

const pages = [
  { page: "topics", label: "Overview", icon: "topics" },
  { page: "groups", label: "Groups", icon: "groups" },
  { page: "device", label: "This device", icon: "device" },
] as const;

/** What is not one topic. */
function Pages() {
  const { place, go, view } = useConsole();
  const here = place.value?.page === "group" ? "groups" : place.value?.page;
  return (
    <ul class="pages">
      {pages.map(({ page, label, icon }) => (
        <li key={page}>
          <button
            type="button"
            class="topic"
            aria-current={here === page ? "page" : undefined}
            onClick={() => {
              go({ page });
              view.value = "records";
            }}
          >
            <span class="page-name">
              <Icon name={icon} /> {label}
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function TopicItem({ topic }: { topic: TopicSummary }) {
  const { chosenName, go, kept, view, activity } = useConsole();
  const { partitions, name } = topic;
  const onDevice = kept.byName.value.get(name);
  const rate = latestOf(activity.rates.value.get(name)) ?? 0;
  let records = 0n;
  for (const { logStartOffset, highWatermark } of partitions) records += highWatermark - logStartOffset;
  return (
    <li>
      <button
        type="button"
        class="topic"
        aria-current={chosenName.value === name ? "page" : undefined}
        onClick={() => {
          go({ page: "topic", topic: name, tab: "records" });
          view.value = "records";
        }}
      >
        <span class="topic-name">{name}</span>
        {onDevice !== undefined && (
          <span class="on-device" title={`${formatBytes(onDevice.heldBytes)} on this device`}>
            <Icon name="device" />
            <span class="hidden">kept on this device</span>
          </span>
        )}
        <span class="topic-size">
          {plural(records, "record")}
          {rate > 0 && ` · ${formatRate(rate)}/s`}
          {onDevice !== undefined && ` · ${formatBytes(onDevice.heldBytes)}`}
          {partitions.length > 1 && ` · ${plural(partitions.length, "partition")}`}
        </span>
      </button>
    </li>
  );
}

/** A topic is made by its first record: this chooses the name and leads to the form. */
function NewTopic() {
  const { go, view } = useConsole();
  const isOpen = useSignal(false);
  const name = useSignal("");
  const start = (event: Event): void => {
    event.preventDefault();
    go({ page: "topic", topic: name.value, tab: "records" });
    name.value = "";
    view.value = "publish";
    document.getElementById("publish-value")?.focus();
  };
  return (
    <>
      <form class="new-topic" onSubmit={start}>
        <input
          required
          pattern={TOPIC_NAME_PATTERN}
          maxLength={249}
          placeholder="New topic"
          aria-label="Name of a new topic"
          title={TOPIC_NAME_RULE}
          autocomplete="off"
          spellcheck={false}
          value={name.value}
          onInput={(event) => (name.value = event.currentTarget.value)}
        />
        <button
          type="submit"
          aria-label="Start a new topic"
          title="Start a new topic: it is made by its first record"
        >
          <Icon name="add" />
        </button>
      </form>
      <button type="button" class="plain create" aria-haspopup="dialog" onClick={() => (isOpen.value = true)}>
        Create one with settings
      </button>
      {isOpen.value && <NewTopicDialog onClose={() => (isOpen.value = false)} />}
    </>
  );
}
