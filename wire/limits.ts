/**
 * Elements of all arrays of a message together. An element of one byte can take a hundred bytes of memory, so the length
 * of the message alone does not bound what decoding it takes.
 */
export const REQUEST_ELEMENTS_MAX = 2 ** 18;
/** Larger, for the metadata of a large cluster: 500,000 partitions with three replicas. */
export const RESPONSE_ELEMENTS_MAX = 2 ** 22;
/** Bytes of a message to a WebSocket where people have to sign in: it arrives whole before it is known who sends it. */
export const GUARDED_MESSAGE_BYTES_MAX = 2 * 1024 * 1024;
