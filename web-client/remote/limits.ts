/** What is read ahead of a stream's reader, in bytes; a single item may be larger. */
export const READ_AHEAD_BYTES = 1024 * 1024;
/** So much of it before the reader has come back for more: who wants but one record is not sent many. */
export const FIRST_BYTES = 32 * 1024;
