import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { useConsole } from "./context.ts";
import { sentence, TOPIC_NAME_PATTERN, TOPIC_NAME_RULE } from "./publishing.ts";

const KEEPS = {
  "a week (the default)": {},
  "a day": { "retention.ms": 86_400_000 },
  everything: { "retention.ms": -1 },
  "the latest of each key": { "cleanup.policy": "compact" },
} as const;

type Keeps = keyof typeof KEEPS;

/** Makes a topic with what it is to be; a topic that needs nothing special is made by its first record. */
export function NewTopicDialog({ onClose }: { onClose: () => void }) {
  const { rivulet, go, refreshTopics } = useConsole();
  const dialog = useRef<HTMLDialogElement>(null);
  const name = useSignal("");
  const partitions = useSignal("1");
  const keeps = useSignal<Keeps>("a week (the default)");
  const error = useSignal<string | undefined>(undefined);
  const isBusy = useSignal(false);
  useLayoutEffect(() => dialog.current?.showModal(), []);

  const create = async (event: Event): Promise<void> => {
    event.preventDefault();
    isBusy.value = true;
    error.value = undefined;
    try {
      await rivulet.admin.createTopic(name.value, {
        partitions: Number(partitions.value),
        configs: KEEPS[keeps.value],
      });
      await refreshTopics();
      dialog.current?.close();
      go({ page: "topic", topic: name.value, tab: "records" });
    } catch (reason) {
      error.value = sentence(reason);
    } finally {
      isBusy.value = false;
    }
  };

  return (
    <dialog ref={dialog} class="sheet small" aria-labelledby="new-topic-title" onClose={onClose}>
      <form onSubmit={(event) => void create(event)}>
        <h2 id="new-topic-title">New topic</h2>
        <label class="field">
          Name
          <input
            required
            pattern={TOPIC_NAME_PATTERN}
            maxLength={249}
            title={TOPIC_NAME_RULE}
            autocomplete="off"
            spellcheck={false}
            value={name.value}
            onInput={(event) => (name.value = event.currentTarget.value)}
          />
        </label>
        <label class="field">
          Partitions
          <input
            type="number"
            required
            min={1}
            max={10_000}
            value={partitions.value}
            onInput={(event) => (partitions.value = event.currentTarget.value)}
          />
        </label>
        <label class="field">
          Keeps
          <select
            value={keeps.value}
            onChange={(event) => (keeps.value = event.currentTarget.value as Keeps)}
          >
            {Object.keys(KEEPS).map((words) => (
              <option key={words}>{words}</option>
            ))}
          </select>
        </label>
        {error.value !== undefined && (
          <p class="notice" role="alert">
            {error.value}
          </p>
        )}
        <div class="actions">
          <button type="submit" class="primary-action" disabled={isBusy.value}>
            Create
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
        </div>
      </form>
    </dialog>
  );
}
