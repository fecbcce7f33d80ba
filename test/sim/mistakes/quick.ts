/** The mistakes that few seeds catch: what every run of the tests has time for. */
export const QUICK_SEEDS = 30;

export const QUICK: readonly string[] = [
  "torn-tail-kept",
  "producers-of-batches-to-come-in-the-snapshot",
  "epochs-not-raised-after-a-crash",
  "metadata-written-and-not-synced",
  "producer-ids-handed-out-again",
  "duplicate-appended-again",
  "log-start-not-durable",
  "small-file-renamed-before-its-sync",
  "rename-not-synced",
  "new-directory-not-synced",
  "short-write-taken-for-whole",
  "short-read-taken-for-the-end",
  "acks-1-not-waited-for",
  "answers-out-of-order",
  "drained-socket-forgotten",
  "sequence-not-advanced",
  "sealed-records-still-waiting",
  "outbox-emptied-before-the-answer",
  "sealed-anew-after-a-reconnect",
  "partition-chosen-anew",
  "stored-batches-sent-backwards",
  "second-deliverer-not-refused",
  "merged-rows-not-deleted",
  "last-row-lost-in-a-merge",
];
