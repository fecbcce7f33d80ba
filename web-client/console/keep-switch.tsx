import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { TopicSummary } from "../index.ts";
import { useConsole } from "./context.ts";
import { formatBytes, formatCount, plural } from "./format.ts";
import type { KeptTopic } from "./kept-topics.ts";
import { sentence } from "./publishing.ts";

/** Keeps the topic on this device, or lets go of it, and says how far it has come. */
export function KeepSwitch({ topic }: { topic: TopicSummary }) {
  const { kept } = useConsole();
  const isOpening = useSignal(false);
  const isAsking = useSignal(false);
  const error = useSignal<string | undefined>(undefined);
  const onDevice = kept.byName.value.get(topic.name);

  const keep = async (): Promise<void> => {
    isOpening.value = true;
    error.value = undefined;
    try {
      await kept.keep(topic.name);
    } catch (reason) {
      error.value = sentence(reason);
    } finally {
      isOpening.value = false;
    }
  };
  const forget = (): void => {
    kept.forget(topic.name).catch((reason: unknown) => (error.value = sentence(reason)));
  };

  return (
    <div class="keep">
      <button
        type="button"
        role="switch"
        class="switch"
        aria-checked={onDevice !== undefined || isOpening.value}
        aria-busy={isOpening.value}
        title="Keep this topic on this device: readable offline, and after a reload"
        onClick={() => (onDevice === undefined ? void keep() : (isAsking.value = true))}
      >
        <span class="knob" />
        Keep on this device
      </button>
      {onDevice !== undefined && <Progress kept={onDevice} />}
      {error.value !== undefined && <p class="notice">{error.value}</p>}
      {onDevice?.notice !== undefined && <p class="notice">{onDevice.notice}</p>}
      {isAsking.value && onDevice !== undefined && (
        <ForgetDialog
          topic={topic.name}
          kept={onDevice}
          onForget={forget}
          onClose={() => (isAsking.value = false)}
        />
      )}
    </div>
  );
}

function Progress({ kept }: { kept: KeptTopic }) {
  const { connection } = useConsole();
  const { heldRecords, heldBytes, missingRecords } = kept;
  const held = `${formatCount(heldRecords)} held, ${formatBytes(heldBytes)}`;
  if (missingRecords === undefined || missingRecords === 0n) return <p class="progress">{held}</p>;
  const total = heldRecords + Number(missingRecords);
  const rest =
    connection.value.name === "live"
      ? `${formatCount(missingRecords)} to come`
      : `${formatCount(missingRecords)} to come when live`;
  return (
    <p class="progress">
      <progress value={heldRecords} max={total} aria-label="Taken in" /> {held}, {rest}
    </p>
  );
}

interface ForgetProps {
  topic: string;
  kept: KeptTopic;
  onForget: () => void;
  onClose: () => void;
}

function ForgetDialog({ topic, kept, onForget, onClose }: ForgetProps) {
  const { connection } = useConsole();
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="sheet small" aria-labelledby="forget-title" onClose={onClose}>
      <h2 id="forget-title">Remove “{topic}” from this device?</h2>
      <p>
        {plural(kept.heldRecords, "record")} ({formatBytes(kept.heldBytes)}) are deleted here. The gateway
        keeps its own.
        {connection.value.name !== "live" &&
          " It cannot be reached now: until it can, this device will have nothing of this topic to show."}
      </p>
      <div class="actions">
        <button
          type="button"
          class="danger"
          onClick={() => {
            onForget();
            dialog.current?.close();
          }}
        >
          Remove
        </button>
        <button type="button" onClick={() => dialog.current?.close()}>
          Keep it
        </button>
      </div>
    </dialog>
  );
}
