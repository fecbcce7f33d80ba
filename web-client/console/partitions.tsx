import { useSignal } from "@preact/signals";
import type { TopicSummary } from "../index.ts";
import { useConsole } from "./context.ts";
import { formatBytes, formatCount } from "./format.ts";
import { sentence } from "./publishing.ts";
import { useTold } from "./use-told.ts";

/** The topic's partitions: who leads them, what they hold, and what of it is on this device. */
export function Partitions({ topic }: { topic: TopicSummary }) {
  const { rivulet, kept } = useConsole();
  const [told, askAgain] = useTold((signal) => rivulet.admin.describeTopic(topic.name, { signal }));
  const { value, error } = told.value;
  const replica = kept.byName.value.get(topic.name)?.replica;
  return (
    <div class="section-body">
      {error !== undefined && (
        <p class="notice" role="alert">
          {error}
        </p>
      )}
      <table>
        <thead>
          <tr>
            <th scope="col" class="number">
              Partition
            </th>
            <th scope="col" class="number">
              Leader
            </th>
            <th scope="col" class="number">
              Epoch
            </th>
            <th scope="col" class="number">
              First offset
            </th>
            <th scope="col" class="number">
              End offset
            </th>
            <th scope="col" class="number">
              Records
            </th>
            <th scope="col" class="number">
              Size
            </th>
            <th scope="col">This device</th>
          </tr>
        </thead>
        <tbody>
          {(value?.partitions ?? []).map((each) => {
            const { partition, leader, leaderEpoch, logStartOffset: from, highWatermark: to, bytes } = each;
            const held = replica?.partitions.find((one) => one.partition === partition);
            return (
              <tr key={partition}>
                <th scope="row" class="number">
                  {partition}
                </th>
                <td class="number">{leader ?? "none"}</td>
                <td class="number">{leaderEpoch}</td>
                <td class="number">{from === undefined ? "–" : formatCount(from)}</td>
                <td class="number">{to === undefined ? "–" : formatCount(to)}</td>
                <td class="number">
                  {from === undefined || to === undefined ? "–" : formatCount(to - from)}
                </td>
                <td class="number">{bytes === undefined ? "–" : formatBytes(Number(bytes))}</td>
                <td>
                  {held !== undefined &&
                    `${formatCount(held.from)} to ${formatCount(held.to)}, ${formatBytes(held.bytes)}, ${held.state}`}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {value === undefined && error === undefined && (
        <p class="quiet">Asked of the gateway when it is live.</p>
      )}
      {value !== undefined && (
        <AddPartitions topic={topic} count={value.partitions.length} onDone={askAgain} />
      )}
    </div>
  );
}

interface AddPartitionsProps {
  readonly topic: TopicSummary;
  readonly count: number;
  readonly onDone: () => void;
}

function AddPartitions({ topic, count, onDone }: AddPartitionsProps) {
  const { rivulet } = useConsole();
  const total = useSignal("");
  const error = useSignal<string | undefined>(undefined);
  const add = async (event: Event): Promise<void> => {
    event.preventDefault();
    error.value = undefined;
    try {
      await rivulet.admin.addPartitions(topic.name, Number(total.value));
      total.value = "";
      onDone();
    } catch (reason) {
      error.value = sentence(reason);
    }
  };
  return (
    <form class="inline-form" onSubmit={(event) => void add(event)}>
      <label>
        More partitions: in all{" "}
        <input
          type="number"
          required
          min={count + 1}
          value={total.value}
          onInput={(event) => (total.value = event.currentTarget.value)}
        />
      </label>
      <button type="submit">Add</button>
      <p class="quiet">Records keep their partition; new records of a key may go to another one.</p>
      {error.value !== undefined && (
        <p class="notice" role="alert">
          {error.value}
        </p>
      )}
    </form>
  );
}
