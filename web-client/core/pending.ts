/** What reading with `pending` takes. */
export { LocalReading } from "./local-reading.ts";
export { latestOf, localRecords } from "./local-record.ts";
export { pendingReading } from "./pending-reading.ts";
