import type { Partition } from "../../log/offline-partition.ts";
import { fetch } from "../../wire/apis/fetch.ts";
import { ErrorCode } from "../../wire/errors.ts";
import type { RequestContext } from "./context.ts";
import { FetchReading, logOf, usesTopicIds, withinMemory } from "./fetch-read.ts";
import type { AnsweredTopic, AskedTopic, FetchSession, ForgottenTopic } from "./fetch-session.ts";
import { NO_SESSION } from "./fetch-sessions.ts";
import { FetchWait } from "./fetch-wait.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** Epochs of a Fetch that names everything: to begin a session, or to have none (KIP-227). */
const FIRST_EPOCH = 0;
const FINAL_EPOCH = -1;

interface FetchRequest {
  maxWaitMs: number;
  minBytes: number;
  maxBytes: number;
  isolationLevel: number;
  sessionId: number;
  sessionEpoch: number;
  topics: readonly AskedTopic[];
  forgottenTopicsData: readonly ForgottenTopic[];
}

interface FetchAnswer {
  errorCode: number;
  sessionId: number;
  responses: AnsweredTopic[];
}

/**
 * Fetch: whole batches below the high watermark, as the log holds them. Waits up to `maxWaitMs` until `minBytes` are
 * there; an error in any partition is answered at once. `maxBytes` may be passed by the first batch alone, so that a
 * reader always gets on (KIP-74). In a session only what has changed is named and answered.
 */
export const fetchApi: ServedApi = serveApi(
  fetch,
  async (request, context) => {
    const { sessionId, sessionEpoch, topics } = request;
    const { fetchSessions } = context.services;
    if (sessionEpoch !== FIRST_EPOCH && sessionEpoch !== FINAL_EPOCH) return fetchNews(request, context);
    fetchSessions.close(sessionId);
    const responses = await fetchAll(request, context);
    const isWanted = sessionEpoch === FIRST_EPOCH && !context.connection.ended;
    const created = isWanted
      ? fetchSessions.create(usesTopicIds(context.apiVersion), topics, responses)
      : NO_SESSION;
    return { errorCode: ErrorCode.NONE, sessionId: created, responses };
  },
  { mayBePassed: true },
);

/** The next Fetch of a session. */
async function fetchNews(request: FetchRequest, context: RequestContext): Promise<FetchAnswer> {
  const session = context.services.fetchSessions.find(request.sessionId);
  if (session === undefined) return refused(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
  if (session.usesTopicIds !== usesTopicIds(context.apiVersion))
    return refused(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR);
  const answer = session.next(request.sessionEpoch, (standing) =>
    fetchNext(session, standing, request, context),
  );
  return answer ?? refused(ErrorCode.INVALID_FETCH_SESSION_EPOCH);
}

async function fetchNext(
  session: FetchSession,
  standing: () => number,
  request: FetchRequest,
  context: RequestContext,
): Promise<FetchAnswer> {
  const { fetchSessions } = context.services;
  if (standing() !== ErrorCode.NONE) return refused(standing());
  fetchSessions.change(session, request.topics, request.forgottenTopicsData);
  // It has grown too large.
  if (standing() !== ErrorCode.NONE) return refused(standing());
  if (session.size === 0) {
    fetchSessions.close(session.id);
    const responses = await fetchAll(request, context);
    return { errorCode: ErrorCode.NONE, sessionId: NO_SESSION, responses };
  }
  const wait = new FetchWait(request.maxWaitMs, context);
  session.wait(wait);
  try {
    const round = await whenThere(request, context, wait, (reading) =>
      session.read(reading, (topic, partition) => logOf(topic, partition, context)),
    );
    if (standing() !== ErrorCode.NONE) return refused(standing());
    return { errorCode: ErrorCode.NONE, sessionId: session.id, responses: session.tell(round) };
  } finally {
    session.wait(undefined);
    wait.stop();
  }
}

function refused(errorCode: number): FetchAnswer {
  return { errorCode, sessionId: NO_SESSION, responses: [] };
}

/** All that the request names. */
async function fetchAll(request: FetchRequest, context: RequestContext): Promise<AnsweredTopic[]> {
  const wait = new FetchWait(request.topics.length === 0 ? 0 : request.maxWaitMs, context);
  try {
    wait.watch(partitionsOf(request, context));
    return await whenThere(request, context, wait, (reading) => readAll(request, reading, context));
  } finally {
    wait.stop();
  }
}

/** Reads, and reads again, until there is enough, or something to be told at once, or it has waited for long enough. */
async function whenThere<T>(
  { maxBytes, minBytes, isolationLevel }: FetchRequest,
  context: RequestContext,
  wait: FetchWait,
  read: (reading: FetchReading) => Promise<T>,
): Promise<T> {
  for (;;) {
    wait.reset();
    const { reading, found } = await withinMemory(maxBytes, context, async (bytesMax) => {
      const within = new FetchReading(bytesMax, isolationLevel, context);
      return { reading: within, found: await read(within) };
    });
    if (reading.answerNow || reading.bytes >= minBytes || wait.over) {
      reading.answered();
      return found;
    }
    // All of it is read again.
    reading.giveBack();
    await wait.forBytes(minBytes - reading.bytes);
  }
}

async function readAll(
  { topics }: FetchRequest,
  reading: FetchReading,
  context: RequestContext,
): Promise<AnsweredTopic[]> {
  const responses: AnsweredTopic[] = [];
  for (const { topic, topicId, partitions } of topics) {
    const answered: AnsweredTopic = { topic, topicId, partitions: [] };
    responses.push(answered);
    for (const asked of partitions) {
      const find = () => logOf(answered, asked.partition, context);
      answered.partitions.push(await reading.read(asked, find));
    }
  }
  return responses;
}

/** The logs that are asked for, as far as they are there. */
function* partitionsOf(
  { topics }: FetchRequest,
  { services, apiVersion }: RequestContext,
): Generator<Partition> {
  const { cluster } = services;
  for (const { topic, topicId, partitions } of topics) {
    const found = usesTopicIds(apiVersion) ? cluster.topicById(topicId) : cluster.topic(topic);
    for (const { partition } of partitions) {
      const log = found?.partitions[partition];
      if (log !== undefined) yield log;
    }
  }
}
