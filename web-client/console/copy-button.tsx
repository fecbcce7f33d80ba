import { useSignal } from "@preact/signals";
import { Icon } from "./icons.tsx";

const SAID_MS = 1_500;

/** Puts a text on the clipboard and says so. `what` completes "Copy ...". */
export function CopyButton({ what, text }: { what: string; text: () => string }) {
  const said = useSignal<"" | "Copied" | "Not allowed">("");
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text());
      said.value = "Copied";
    } catch {
      // No clipboard on insecure origins, or the reader has said no.
      said.value = "Not allowed";
    }
    setTimeout(() => (said.value = ""), SAID_MS);
  };
  return (
    <button
      type="button"
      class="copy"
      aria-label={`Copy ${what}`}
      title={`Copy ${what}`}
      onClick={() => void copy()}
    >
      <Icon name="copy" />
      <span role="status">{said.value}</span>
    </button>
  );
}
