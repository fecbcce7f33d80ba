import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { sentence } from "./publishing.ts";

interface ConfirmProps {
  readonly title: string;
  /** What the button says. */
  readonly action: string;
  /** What cannot be taken back is asked for by name: it has to be written out. */
  readonly name?: string;
  readonly children: ComponentChildren;
  readonly onConfirm: () => Promise<void>;
  readonly onClose: () => void;
}

/** Asks before something is done that cannot be taken back. Stays open, and says why, when it fails. */
export function Confirm({ title, action, name, children, onConfirm, onClose }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const written = useSignal("");
  const isBusy = useSignal(false);
  const error = useSignal<string | undefined>(undefined);
  useLayoutEffect(() => dialog.current?.showModal(), []);

  const confirm = async (event: Event): Promise<void> => {
    event.preventDefault();
    isBusy.value = true;
    error.value = undefined;
    try {
      await onConfirm();
      dialog.current?.close();
    } catch (reason) {
      error.value = sentence(reason);
    } finally {
      isBusy.value = false;
    }
  };

  return (
    <dialog ref={dialog} class="sheet small" aria-labelledby="confirm-title" onClose={onClose}>
      <form onSubmit={(event) => void confirm(event)}>
        <h2 id="confirm-title">{title}</h2>
        {children}
        {name !== undefined && (
          <label class="field">
            Write <b>{name}</b> to go on
            <input
              autocomplete="off"
              spellcheck={false}
              value={written.value}
              onInput={(event) => (written.value = event.currentTarget.value)}
            />
          </label>
        )}
        {error.value !== undefined && (
          <p class="notice" role="alert">
            {error.value}
          </p>
        )}
        <div class="actions">
          <button
            type="submit"
            class="danger"
            disabled={isBusy.value || (name !== undefined && written.value !== name)}
          >
            {action}
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
        </div>
      </form>
    </dialog>
  );
}
