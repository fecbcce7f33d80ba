import type { TopicSummary } from "../index.ts";
import { useConsole } from "./context.ts";
import { CopyButton } from "./copy-button.tsx";

/** A line for a terminal that produces one record, to copy. */
function KcatLine({ topic }: { topic: string }) {
  const { kafkaAddress } = useConsole();
  const line = `echo '{"hello":"rivulet"}' | kcat -P -b ${kafkaAddress.value} -t ${topic}`;
  return (
    <p class="command">
      <code>{line}</code>
      <CopyButton what="the command" text={() => line} />
    </p>
  );
}

/** Nothing at all yet. */
export function Welcome() {
  const { connection } = useConsole();
  return (
    <div class="empty">
      <h2 id="tail-title">No topics yet</h2>
      <p>A topic is made by its first record. Publish one with the form on this page, or from a terminal:</p>
      <KcatLine topic="hello" />
      <p class="quiet">
        {connection.value.name === "live"
          ? "Any Kafka client will do. It shows up here at once."
          : "The gateway is not there now. What you publish here waits on this device until it is."}
      </p>
    </div>
  );
}

/** The chosen name is no topic's (yet). */
export function NoTopic({ name }: { name: string }) {
  const { connection, outbox } = useConsole();
  const isLive = connection.value.name === "live";
  return (
    <div class="empty">
      <h2 id="tail-title">{name}</h2>
      {isLive && outbox.value.pending === 0 && (
        <>
          <p>
            There is no topic of this name yet. Its first record makes it: publish one here, or from a
            terminal:
          </p>
          <KcatLine topic={name} />
        </>
      )}
      {isLive && outbox.value.pending > 0 && (
        <>
          <p>Its first record is on its way.</p>
          <p class="quiet">
            A gateway that makes no topics by itself lets it wait until somebody has made this one.
          </p>
        </>
      )}
      {!isLive && (
        <p>
          This device knows no topic of this name. What you publish waits here and makes the topic when the
          gateway is back.
        </p>
      )}
    </div>
  );
}

/** The topic is there, and no row of it is. */
export function NothingToShow({ topic }: { topic: TopicSummary }) {
  const { tail, readsDevice, connection, start } = useConsole();
  const isEmpty = topic.partitions.every(
    ({ logStartOffset, highWatermark }) => logStartOffset === highWatermark,
  );
  if (!readsDevice.value && connection.value.name !== "live")
    return (
      <div class="empty">
        <p>This topic is not kept on this device, and the gateway is not there to read it from.</p>
        <p class="quiet">
          Switch on “Keep on this device” while it is live, and it can be read like this too.
        </p>
      </div>
    );
  if (isEmpty)
    return (
      <div class="empty">
        <p>No records yet. Publish the first one here, or from a terminal:</p>
        <KcatLine topic={topic.name} />
      </div>
    );
  return (
    <div class="empty">
      <p class="quiet">
        {tail.isLoading.value
          ? "Reading…"
          : start.value.at === "newest"
            ? "Waiting for records…"
            : "Nothing from there on yet."}
      </p>
    </div>
  );
}
