import { useConsole } from "./context.ts";
import { formatBytes, formatCount, plural } from "./format.ts";

/** What this browser keeps, how much room there is for it, and how far it has come. */
export function DevicePage() {
  const { rivulet, storage, kept, outbox, isSwitchedOff, switchOff, connection, go } = useConsole();
  const { usedBytes, quotaBytes, isPersisted } = storage.value;
  const topics = [...kept.byName.value];
  return (
    <section class="section" aria-labelledby="device-title">
      <div class="section-head">
        <h2 id="device-title">This device</h2>
        <p class="quiet">{connection.value.name}</p>
        <button
          type="button"
          role="switch"
          class="switch"
          aria-checked={isSwitchedOff.value}
          onClick={() => switchOff(!isSwitchedOff.value)}
        >
          <span class="knob" />
          Stay offline
        </button>
      </div>
      <div class="section-body">
        <h3>Storage</h3>
        {rivulet.storage === "memory" ? (
          <p class="warn">
            This browser offers no store here (a private window, or an address that is not secure): all of it
            goes with this tab.
          </p>
        ) : (
          <p>
            {isPersisted
              ? "The browser keeps it until you delete it."
              : "The browser may delete it when the disk is nearly full."}
          </p>
        )}
        {usedBytes !== undefined && quotaBytes !== undefined && (
          <p class="budget">
            <meter
              min={0}
              max={quotaBytes}
              high={quotaBytes * 0.9}
              value={usedBytes}
              aria-label="Storage in use"
            />{" "}
            {formatBytes(usedBytes)} of {formatBytes(quotaBytes)} in use by this site
          </p>
        )}
        <h3>Kept topics</h3>
        {topics.length === 0 && (
          <p class="quiet">None. Switch on “Keep on this device” at a topic: it is readable offline then.</p>
        )}
        {topics.length > 0 && (
          <table>
            <thead>
              <tr>
                <th scope="col">Topic</th>
                <th scope="col" class="number">
                  Records
                </th>
                <th scope="col" class="number">
                  Size
                </th>
                <th scope="col">Progress</th>
              </tr>
            </thead>
            <tbody>
              {topics.map(([name, { heldRecords, heldBytes, missingRecords, notice }]) => (
                <tr key={name}>
                  <th scope="row">
                    <button
                      type="button"
                      class="link"
                      onClick={() => go({ page: "topic", topic: name, tab: "records" })}
                    >
                      {name}
                    </button>
                  </th>
                  <td class="number">{formatCount(heldRecords)}</td>
                  <td class="number">{formatBytes(heldBytes)}</td>
                  <td>
                    {notice ??
                      (missingRecords === undefined
                        ? "not told yet"
                        : missingRecords === 0n
                          ? "up to date"
                          : `${plural(missingRecords, "record")} to come`)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        <h3>Outbox</h3>
        <p>
          {plural(outbox.value.pending, "record")} waiting, {plural(outbox.value.asking, "record")} to decide
          on.
        </p>
      </div>
    </section>
  );
}
