import type { TopicSummary } from "../index.ts";
import { EMPTY_SERIES, latestOf } from "./activity.ts";
import { Chart } from "./chart.tsx";
import { useConsole } from "./context.ts";
import { formatRate } from "./format.ts";

const milliseconds = (ms: number): string => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;

/** Throughput of the topic since this page is open, and how long this page's own records took to get into the log. */
export function TopicActivity({ topic }: { topic: TopicSummary }) {
  const { activity } = useConsole();
  const rates = activity.rates.value.get(topic.name) ?? EMPTY_SERIES;
  const rate = latestOf(rates);
  const deliveries = activity.deliveries.value;
  const took = latestOf(deliveries);
  return (
    <div class="section-body">
      <Chart
        title="Throughput"
        summary={rate === undefined ? "records a second" : `${formatRate(rate)} records a second now`}
        series={rates}
        format={formatRate}
      />
      <Chart
        title="Delivery"
        summary={
          took === undefined
            ? "from publishing on this page, whichever topic, to being in the log"
            : `${milliseconds(took)} from publishing on this page to being in the log, the last time`
        }
        series={deliveries}
        format={milliseconds}
      />
    </div>
  );
}
