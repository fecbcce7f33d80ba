/** What one client, and all of them together, may take. Sizes in bytes, times in milliseconds. */

/** Requests of one connection that may be unanswered before its socket is no longer read. */
export const REQUESTS_MAX = 100;
/** Their bytes; a single request may be larger (`socket.request.max.bytes`). */
export const REQUEST_BYTES_MAX = 8 * 1024 * 1024;
/** Requests of all TCP connections, those that are arriving included (Kafka's `queued.max.request.bytes`). */
export const QUEUED_BYTES_MAX = 256 * 1024 * 1024;
/** What is read from a TCP socket at once: a client that is to be read from no longer may have brought so much more. */
export const SOCKET_READ_BYTES = 64 * 1024;
/** A WebSocket cannot be told to stop: more than this unanswered, and it is closed. */
export const WEBSOCKET_REQUESTS_MAX = 1000;
export const WEBSOCKET_REQUEST_BYTES_MAX = 32 * 1024 * 1024;
/** Requests of one WebSocket that are worked on at once; the others wait. */
export const WEBSOCKET_RUNNING_MAX = 16;

/** Answers that a client has not read before no more of its requests are started. */
export const UNREAD_BYTES_MAX = 1024 * 1024;

/** Kafka's `fetch.max.bytes` of a broker. */
export const FETCH_BYTES_MAX = 55 * 1024 * 1024;
/** The same on a WebSocket, where Push and HTTP carry the bulk. */
export const WEBSOCKET_FETCH_BYTES_MAX = 4 * 1024 * 1024;

/** What answers to Fetch may take in memory, those of all TCP clients that do not read them included. */
export const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

export const TCP_CONNECTIONS_MAX = 10_000;
export const WEBSOCKET_CONNECTIONS_MAX = 50_000;
/** Histories that are being sent at once. */
export const HISTORIES_MAX = 256;

/** A request that has begun to arrive is whole within this time, and the time its bytes take at the slowest pace. */
export const REQUEST_ARRIVAL_MS = 10_000;
export const ARRIVAL_BYTES_PER_MS = 16;
/** The slowest pace of a client that holds much of what all requests may take while others wait for it. */
export const CONTENDED_BYTES_PER_MS = 256;
/** A Kafka client that sends nothing, or takes nothing of its answers, for this long is gone (Kafka's `connections.max.idle.ms`). */
export const IDLE_MS = 600_000;
/** A WebSocket that neither sends nor answers pings for this long is gone. In seconds, as uWebSockets takes it. */
export const WEBSOCKET_IDLE_SECONDS = 60;

/** How long a stop waits for requests that are being answered. */
export const STOP_MS = 10_000;
