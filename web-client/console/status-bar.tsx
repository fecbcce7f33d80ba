import { useSignal } from "@preact/signals";
import { useConsole } from "./context.ts";
import { formatBytes, formatCount } from "./format.ts";
import { Icon } from "./icons.tsx";
import { OutboxDialog } from "./outbox-dialog.tsx";
import { SignIn } from "./sign-in.tsx";
import { hasToken } from "./signing-in.ts";
import icon from "./icon.svg";

/** Connection, device and outbox at a glance, and the switch that takes this tab offline. */
export function StatusBar() {
  return (
    <header class="bar">
      <h1 class="brand">
        <img src={icon} alt="" width="24" height="24" /> Rivulet
      </h1>
      <Connection />
      <SignIn />
      <Device />
      <Outbox />
      <OfflineSwitch />
    </header>
  );
}

function Connection() {
  const { connection, isSwitchedOff } = useConsole();
  const { name, reason } = connection.value;
  const why =
    name === "live"
      ? location.host
      : name === "signed out" && !hasToken()
        ? "this gateway asks for a token"
        : isSwitchedOff.value
          ? "by the switch on this page"
          : reason;
  return (
    <p class="connection" role="status" data-state={name} title={why}>
      <span class="dot" />
      <strong>{name}</strong>
      <span class="why">{why}</span>
    </p>
  );
}

function Device() {
  const { heldRecords, storage, rivulet } = useConsole();
  const { usedBytes, quotaBytes, isPersisted } = storage.value;
  const room =
    usedBytes === undefined || quotaBytes === undefined
      ? "How much room there is, this browser does not say."
      : `This site uses ${formatBytes(usedBytes)} of ${formatBytes(quotaBytes)}.`;
  const lasting =
    rivulet.storage === "memory"
      ? "This browser offers no store here: all of it goes with this tab."
      : isPersisted
        ? "The browser keeps it until you delete it."
        : "The browser may delete it when the disk is nearly full.";
  return (
    <p class="fact device" title={`${room} ${lasting}`}>
      <Icon name="device" />
      <span>
        <b data-testid="held-records">{formatCount(heldRecords.value)}</b>
        {heldRecords.value === 1n ? " record" : " records"} on this device
        {rivulet.storage === "memory" && <em class="warn"> (in memory only)</em>}
      </span>
    </p>
  );
}

function Outbox() {
  const { outbox } = useConsole();
  const isOpen = useSignal(false);
  const { pending, asking } = outbox.value;
  return (
    <>
      <button
        type="button"
        class="fact outbox"
        data-tone={asking > 0 ? "bad" : pending > 0 ? "warn" : undefined}
        aria-haspopup="dialog"
        title="What was published here and is not in the log yet"
        onClick={() => (isOpen.value = true)}
      >
        <Icon name="send" />
        <span>
          <span class="hidden">Outbox: </span>
          <b data-testid="waiting-records">{formatCount(pending)}</b>
          {" waiting"}
          {asking > 0 && <b class="asking"> · {formatCount(asking)} to decide</b>}
        </span>
      </button>
      {isOpen.value && <OutboxDialog onClose={() => (isOpen.value = false)} />}
    </>
  );
}

function OfflineSwitch() {
  const { isSwitchedOff, switchOff } = useConsole();
  return (
    <button
      type="button"
      role="switch"
      class="switch"
      aria-checked={isSwitchedOff.value}
      title="Take this tab offline: it keeps what it has, and what you publish waits"
      onClick={() => switchOff(!isSwitchedOff.value)}
    >
      <span class="knob" />
      Offline
    </button>
  );
}
