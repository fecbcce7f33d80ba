/** The mistakes that few seeds catch: what every run of the tests has time for. */
export const QUICK_SEEDS = 20;

export const QUICK: readonly string[] = [
  "epochs-not-raised-after-a-crash",
  "acknowledge-before-sync",
  "roll-before-sync",
  "synced-end-noted-before-the-sync",
  "producers-forgotten-at-the-start",
  "producer-ids-handed-out-again",
  "duplicate-appended-again",
  "crc-of-a-produced-batch-not-checked",
  "one-record-more-deleted",
  "small-file-renamed-before-its-sync",
  "new-directory-not-synced",
  "short-write-taken-for-whole",
  "answers-out-of-order",
  "sequence-not-advanced",
  "sealed-records-still-waiting",
  "outbox-emptied-before-the-answer",
  "sealed-anew-after-a-reconnect",
  "partition-chosen-anew",
  "second-deliverer-not-refused",
  "successor-gets-what-was-meant-for-another",
  "merged-rows-not-deleted",
  "last-row-lost-in-a-merge",
  "accounts-share-an-outbox",
];
