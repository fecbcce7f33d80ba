import { joinGroup } from "../../wire/apis/join-group.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** From this version on a member without an id gets one first (KIP-394). */
const KNOWN_IDS_FROM = 4;
/** From this version on a group may be of no protocol, which is null. */
const NULL_PROTOCOL_FROM = 7;
/** From this version on the leader may be told to leave assignments as they are (KIP-814). */
const SKIP_ASSIGNMENT_FROM = 9;

/** JoinGroup: waits until the members have come together, or the slowest has had its time. */
export const joinGroupApi: ServedApi = serveApi(
  joinGroup,
  async (request, { services, apiVersion, clientId, clientHost }) => {
    const joined = await services.groups.join({
      ...request,
      clientId: clientId ?? "",
      clientHost,
      rebalanceTimeoutMs:
        request.rebalanceTimeoutMs < 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
      // The request's bytes are not kept, and these are.
      protocols: request.protocols.map(({ name, metadata }) => ({ name, metadata: metadata.slice() })),
      needsKnownId: apiVersion >= KNOWN_IDS_FROM,
      maySkipAssignment: apiVersion >= SKIP_ASSIGNMENT_FROM,
    });
    return {
      ...joined,
      protocolName: joined.protocolName ?? (apiVersion < NULL_PROTOCOL_FROM ? "" : null),
    };
  },
);
