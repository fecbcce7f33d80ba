import { useSignal, useSignalEffect } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { OutboxEntry } from "../index.ts";
import { useConsole } from "./context.ts";
import { formatTime, preview } from "./format.ts";
import { Icon } from "./icons.tsx";
import { sentence } from "./publishing.ts";

type Action = "retry" | "discard";

/** Records that wait for a word of a person, before those that are delivered by themselves. */
const stateOrder = [
  "in doubt",
  "refused",
  "held",
  "sending",
  "waiting",
] as const satisfies OutboxEntry["state"][];

const stateMeaning: Record<OutboxEntry["state"], string> = {
  waiting: "Delivered as soon as the gateway is there and has the topic.",
  sending: "Sent; the answer is outstanding.",
  held: "Not delivered: the gateway or the topic is another one than it was published to.",
  "in doubt": "Sent, and whether it arrived can no longer be known. Sending again may write it twice.",
  refused: "The gateway will not take it.",
};

/** What a person can do about a record in this state; one that is being sent has to run its course. */
const stateActions: Record<OutboxEntry["state"], readonly Action[]> = {
  waiting: ["discard"],
  sending: [],
  held: ["retry", "discard"],
  "in doubt": ["retry", "discard"],
  refused: ["retry", "discard"],
};

/** So many entries are listed; an outbox of a week offline may hold more. */
const LISTED_MAX = 200;

/** What was published here and is not in the log yet, and what can be done about it. */
export function OutboxDialog({ onClose }: { onClose: () => void }) {
  const { outbox, rivulet } = useConsole();
  const dialog = useRef<HTMLDialogElement>(null);
  const entries = useSignal<readonly OutboxEntry[] | undefined>(undefined);
  const error = useSignal<string | undefined>(undefined);

  useLayoutEffect(() => dialog.current?.showModal(), []);
  useSignalEffect(() => {
    // Read anew whenever the counts move.
    void outbox.value;
    rivulet.outbox.list().then(
      (list) => (entries.value = list),
      (reason: unknown) => (error.value = sentence(reason)),
    );
  });

  const act = (action: Action, ids: readonly number[]): void => {
    rivulet.outbox[action](ids).catch((reason: unknown) => (error.value = sentence(reason)));
  };

  return (
    <dialog ref={dialog} class="sheet" aria-labelledby="outbox-title" onClose={onClose}>
      <header class="sheet-head">
        <h2 id="outbox-title">Outbox</h2>
        <button type="button" class="plain" aria-label="Close" onClick={() => dialog.current?.close()}>
          <Icon name="close" />
        </button>
      </header>
      {error.value !== undefined && <p class="notice">{error.value}</p>}
      {entries.value?.length === 0 && (
        <p class="quiet">
          Nothing waits. What you publish while offline is kept here until the gateway has it.
        </p>
      )}
      {stateOrder.map((state) => (
        <Group
          key={state}
          state={state}
          entries={entries.value?.filter((entry) => entry.state === state) ?? []}
          act={act}
        />
      ))}
    </dialog>
  );
}

interface GroupProps {
  state: OutboxEntry["state"];
  entries: readonly OutboxEntry[];
  act: (action: Action, ids: readonly number[]) => void;
}

function Group({ state, entries, act }: GroupProps) {
  if (entries.length === 0) return null;
  const ids = entries.map(({ id }) => id);
  return (
    <section class="outbox-group">
      <h3>
        {state} <span class="count">{entries.length}</span>
      </h3>
      <p class="quiet">{stateMeaning[state]}</p>
      <ul>
        {entries.slice(0, LISTED_MAX).map((entry) => (
          <li key={entry.id}>
            <div class="outbox-line">
              <b>{entry.topic}</b>
              <time>{formatTime(entry.timestamp, Date.now())}</time>
              {entry.key !== null && <code class="key">{preview(entry.key, 60).text}</code>}
            </div>
            <code class="outbox-value">{preview(entry.value, 200).text}</code>
            {entry.reason !== undefined && <p class="notice">{entry.reason}</p>}
            <Actions actions={stateActions[state]} ids={[entry.id]} act={act} />
          </li>
        ))}
      </ul>
      {entries.length > LISTED_MAX && <p class="quiet">and {entries.length - LISTED_MAX} more</p>}
      {entries.length > 1 && <Actions actions={stateActions[state]} ids={ids} act={act} />}
    </section>
  );
}

interface ActionsProps {
  actions: readonly Action[];
  ids: readonly number[];
  act: GroupProps["act"];
}

function Actions({ actions, ids, act }: ActionsProps) {
  if (actions.length === 0) return null;
  const which = ids.length === 1 ? "" : ` all ${ids.length}`;
  return (
    <div class="actions">
      {actions.includes("retry") && (
        <button type="button" onClick={() => act("retry", ids)}>
          Send{which} again
        </button>
      )}
      {actions.includes("discard") && (
        <button type="button" class="danger" onClick={() => act("discard", ids)}>
          Discard{which}
        </button>
      )}
    </div>
  );
}
