import { useSignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { useConsole } from "./context.ts";
import { Icon } from "./icons.tsx";
import { sentence, TOPIC_NAME_PATTERN, TOPIC_NAME_RULE, type SendProgress, type Sent } from "./publishing.ts";

const isApple = /Mac|iPhone|iPad/.test(navigator.userAgent);
const SHORTCUT = isApple ? "⌘ Return" : "Ctrl Enter";

/** One record into a topic, by hand; works offline. */
export function Publish() {
  const { chosenName, go, publishing, topics, view } = useConsole();
  const topic = useSignal(chosenName.value ?? "");
  const key = useSignal("");
  const value = useSignal("");
  const error = useSignal<string | undefined>(undefined);
  const valueField = useRef<HTMLTextAreaElement>(null);

  useSignalEffect(() => {
    topic.value = chosenName.value ?? "";
  });

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    error.value = undefined;
    const name = topic.value.trim();
    try {
      const queued = publishing.publish({ topic: name, key: key.value, value: value.value });
      go({ page: "topic", topic: name, tab: "records" });
      // The next record is often like this one: typing replaces it, the shortcut sends it again.
      valueField.current?.select();
      await queued;
    } catch (reason) {
      error.value = sentence(reason);
    }
  };
  const submitByKey = (event: KeyboardEvent): void => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    event.preventDefault();
    if (event.currentTarget instanceof HTMLFormElement) event.currentTarget.requestSubmit();
  };

  const isNew =
    topics.value !== undefined &&
    topic.value !== "" &&
    !topics.value.some(({ name }) => name === topic.value);
  return (
    <form
      class="publish"
      aria-label="Publish a record"
      onSubmit={(event) => void submit(event)}
      onKeyDown={submitByKey}
    >
      <label class="field-topic">
        <span>Topic{isNew && <em> new, made by its first record</em>}</span>
        <input
          required
          list="topic-names"
          pattern={TOPIC_NAME_PATTERN}
          title={TOPIC_NAME_RULE}
          maxLength={249}
          autocomplete="off"
          spellcheck={false}
          placeholder="orders"
          value={topic.value}
          onInput={(event) => (topic.value = event.currentTarget.value)}
        />
        <datalist id="topic-names">
          {topics.value?.map(({ name }) => (
            <option key={name} value={name} />
          ))}
        </datalist>
      </label>
      <label class="field-key">
        <span>Key</span>
        <input
          autocomplete="off"
          spellcheck={false}
          placeholder="none"
          value={key.value}
          onInput={(event) => (key.value = event.currentTarget.value)}
        />
      </label>
      <label class="field-value">
        <span>Value</span>
        <textarea
          id="publish-value"
          ref={valueField}
          rows={3}
          spellcheck={false}
          placeholder='{"hello": "rivulet"}'
          value={value.value}
          onInput={(event) => (value.value = event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="primary">
        Publish <kbd>{SHORTCUT}</kbd>
      </button>
      <div class="sent" role="log" aria-label="Published here">
        {error.value !== undefined && <span class="notice">{error.value}</span>}
        {publishing.sent.value.map((sent) => (
          <SentChip
            key={sent.id}
            sent={sent}
            onShow={() => (
              go({ page: "topic", topic: sent.topic, tab: "records" }),
              (view.value = "records")
            )}
          />
        ))}
      </div>
    </form>
  );
}

function SentChip({ sent, onShow }: { sent: Sent; onShow: () => void }) {
  const text = progressText(sent.progress);
  return (
    <button
      type="button"
      class="chip"
      data-step={sent.progress.step}
      title={`${sent.topic}: ${text}`}
      onClick={onShow}
    >
      {sent.topic} <Icon name="send" /> {text}
    </button>
  );
}

function progressText(progress: SendProgress): string {
  switch (progress.step) {
    case "queueing":
      return "being stored";
    case "queued":
      return "queued on this device";
    case "delivered":
      return `delivered at ${progress.position.partition}/${progress.position.offset}`;
    case "failed":
      return progress.reason;
  }
}
