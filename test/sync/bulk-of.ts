import { bulkHistory } from "../../sync/bulk-history.ts";
import type { BulkHistory, HistorySource } from "../../sync/history.ts";

export function bulkOf(source: HistorySource): BulkHistory {
  return (asked, from) => bulkHistory({ ...asked, source }, from);
}
