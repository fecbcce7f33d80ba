/** Bounds of the coordinator that are no settings. */

/** Records of one batch of `__consumer_offsets`. */
export const GROUP_RECORDS_PER_BATCH = 10_000;
/** Bytes of the largest batch there: a classic group is one record, with the metadata of all of its members. */
export const OFFSETS_TOPIC_BATCH_BYTES = 16 << 20;
/** A member that was given its id and has not joined yet, or has joined for the first time, is waited for this long (Kafka's). */
export const NEW_MEMBER_JOIN_MS = 5 * 60_000;
