/** Bounds of the coordinator that are no settings. */

/** Records of one batch of `__consumer_offsets`. */
export const GROUP_RECORDS_PER_BATCH = 10_000;
/** Bytes of the largest batch there: a classic group is one record, with the metadata of all of its members. */
export const OFFSETS_TOPIC_BATCH_BYTES = 16 << 20;
/** A member that was given its id and has not joined yet, or has joined for the first time, is waited for this long (Kafka's). */
export const NEW_MEMBER_JOIN_MS = 5 * 60_000;
/** Characters of a regular expression that topics are chosen by, what it repeats by number written out. */
export const PATTERN_SIZE_MAX = 2000;
/** Regular expressions whose topics are remembered; those of others are looked for anew. */
export const PATTERNS_KEPT_MAX = 200;
/** Steps of matching (instructions times characters) before others are served: some milliseconds. */
export const PATTERN_STEPS_AT_ONCE = 100_000;
/** Times that the assignor goes over pools of topics that share members, to even them out. */
export const ASSIGNOR_PASSES_MAX = 16;
