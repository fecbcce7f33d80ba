import { useSignal } from "@preact/signals";
import type { ConfigEntry, TopicSummary } from "../index.ts";
import { Confirm } from "./confirm.tsx";
import { useConsole } from "./context.ts";
import { formatCount, plural } from "./format.ts";
import { sentence } from "./publishing.ts";
import { useTold } from "./use-told.ts";

/** The topic's settings, its own first; and what cannot be taken back, last. */
export function Settings({ topic }: { topic: TopicSummary }) {
  const { rivulet } = useConsole();
  const search = useSignal("");
  const [told, askAgain] = useTold(
    (signal) => rivulet.admin.describeConfigs({ topic: topic.name }, { signal }),
    10_000,
  );
  const { value, error } = told.value;
  const found = (value ?? []).filter(({ name }) => name.includes(search.value.trim().toLowerCase()));
  const own = found.filter(({ source }) => source === "topic");
  const others = found.filter(({ source }) => source !== "topic");
  return (
    <div class="section-body">
      {error !== undefined && (
        <p class="notice" role="alert">
          {error}
        </p>
      )}
      <input
        type="search"
        class="filter"
        placeholder="Find a setting"
        aria-label="Find a setting"
        value={search.value}
        onInput={(event) => (search.value = event.currentTarget.value)}
      />
      {value === undefined && error === undefined && (
        <p class="quiet">Asked of the gateway when it is live.</p>
      )}
      <table class="settings">
        <thead>
          <tr>
            <th scope="col">Setting</th>
            <th scope="col">Value</th>
            <th scope="col">From</th>
          </tr>
        </thead>
        <tbody>
          {[...own, ...others].map((entry) => (
            <Setting key={entry.name} topic={topic.name} entry={entry} onChanged={askAgain} />
          ))}
        </tbody>
      </table>
      {value !== undefined && <Danger topic={topic} />}
    </div>
  );
}

interface SettingProps {
  readonly topic: string;
  readonly entry: ConfigEntry;
  readonly onChanged: () => void;
}

function Setting({ topic, entry, onChanged }: SettingProps) {
  const { rivulet } = useConsole();
  const edited = useSignal<string | undefined>(undefined);
  const error = useSignal<string | undefined>(undefined);
  const { name, value, source, readOnly, documentation } = entry;

  const change = async (to: string | null): Promise<void> => {
    error.value = undefined;
    try {
      await rivulet.admin.alterConfigs({ topic }, { [name]: to });
      edited.value = undefined;
      onChanged();
    } catch (reason) {
      error.value = sentence(reason);
    }
  };

  return (
    <tr>
      <th scope="row">
        <code>{name}</code>
        {documentation !== undefined && <p class="quiet">{documentation}</p>}
      </th>
      <td>
        {edited.value === undefined ? (
          <span class="setting-value">
            <code>{value === null ? "hidden" : value === "" ? "empty" : value}</code>
            {!readOnly && (
              <button
                type="button"
                class="plain"
                aria-label={`Change ${name}`}
                onClick={() => (edited.value = value ?? "")}
              >
                Change
              </button>
            )}
          </span>
        ) : (
          <form
            class="inline-form"
            onSubmit={(event) => {
              event.preventDefault();
              void change(edited.value ?? "");
            }}
          >
            <input
              aria-label={name}
              value={edited.value}
              spellcheck={false}
              ref={(input) => input?.focus()}
              onInput={(event) => (edited.value = event.currentTarget.value)}
              onKeyDown={(event) => event.key === "Escape" && (edited.value = undefined)}
            />
            <button type="submit">Set</button>
            <button type="button" onClick={() => (edited.value = undefined)}>
              Cancel
            </button>
          </form>
        )}
        {error.value !== undefined && (
          <p class="notice" role="alert">
            {error.value}
          </p>
        )}
      </td>
      <td>
        {source === "topic" ? (
          <>
            <b>this topic</b>{" "}
            <button
              type="button"
              class="plain"
              aria-label={`Take ${name} back`}
              title="Back to what it is without a value of its own"
              onClick={() => void change(null)}
            >
              Take back
            </button>
          </>
        ) : (
          source
        )}
      </td>
    </tr>
  );
}

/** What cannot be taken back. */
function Danger({ topic }: { topic: TopicSummary }) {
  const { rivulet, go, refreshTopics, kept } = useConsole();
  const asks = useSignal<"delete" | "empty" | undefined>(undefined);
  const records = topic.partitions.reduce((sum, each) => sum + each.highWatermark - each.logStartOffset, 0n);

  const remove = async (): Promise<void> => {
    await rivulet.admin.deleteTopic(topic.name);
    await kept.forget(topic.name);
    go({ page: "topics" });
    await refreshTopics();
  };
  const empty = async (): Promise<void> => {
    await rivulet.admin.deleteRecords(
      topic.name,
      topic.partitions.map(({ partition }) => ({ partition, before: "end" as const })),
    );
    await refreshTopics();
  };

  return (
    <div class="danger-zone">
      <button type="button" class="danger" onClick={() => (asks.value = "empty")}>
        Delete its records
      </button>
      <button type="button" class="danger" onClick={() => (asks.value = "delete")}>
        Delete the topic
      </button>
      {asks.value === "empty" && (
        <Confirm
          title={`Delete all records of “${topic.name}”?`}
          action="Delete the records"
          name={topic.name}
          onConfirm={empty}
          onClose={() => (asks.value = undefined)}
        >
          <p>{plural(records, "record")} are gone for ever, for everybody. The topic stays.</p>
        </Confirm>
      )}
      {asks.value === "delete" && (
        <Confirm
          title={`Delete the topic “${topic.name}”?`}
          action="Delete the topic"
          name={topic.name}
          onConfirm={remove}
          onClose={() => (asks.value = undefined)}
        >
          <p>
            It goes for everybody, with its {formatCount(records)} records, and from this device. What waits
            in outboxes for it is held.
          </p>
        </Confirm>
      )}
    </div>
  );
}
