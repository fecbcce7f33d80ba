import { describeGroups } from "../../wire/apis/describe-groups.ts";
import { ErrorCode } from "../../wire/errors.ts";
import type { ClassicGroup } from "../coordinator/classic-group.ts";
import { GROUP_OPERATIONS, ifAsked } from "./authorized-operations.ts";
import type { RequestContext } from "./context.ts";
import { failureOf } from "./failure.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** From this version on a group that is not there is an error (KIP-1043). */
const NOT_FOUND_FROM = 6;

/**
 * DescribeGroups: classic groups and their members. One that is not there is `Dead`. Each is told once, however often it is
 * named: a few bytes of a request are answered with all members of a group.
 */
export const describeGroupsApi: ServedApi = serveApi(
  describeGroups,
  ({ groups, includeAuthorizedOperations }, context) => ({
    groups: Array.from(new Set(groups), (groupId) => {
      const answered = described(groupId, context);
      const isAsked = includeAuthorizedOperations && answered.errorCode === ErrorCode.NONE;
      return { ...answered, authorizedOperations: ifAsked(isAsked, GROUP_OPERATIONS) };
    }),
  }),
);

function described(groupId: string, { services, apiVersion }: RequestContext) {
  try {
    const group = services.groups.describe(groupId);
    if (group?.kind === "classic") return answer(group);
    // Groups of the consumer protocol have a request of their own.
    if (apiVersion < NOT_FOUND_FROM) return dead(groupId, ErrorCode.NONE, null);
    const why = group === undefined ? "not found" : "is not a classic group";
    return dead(groupId, ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} ${why}.`);
  } catch (error) {
    const { errorCode, errorMessage } = failureOf(error, services);
    return { ...dead(groupId, errorCode, errorMessage), groupState: "" };
  }
}

function answer(group: ClassicGroup) {
  // Before there is an assignment there is no protocol that it belongs to.
  const isSettled = group.state === "Stable";
  return {
    errorCode: ErrorCode.NONE as number,
    errorMessage: null,
    groupId: group.groupId,
    groupState: group.state as string,
    protocolType: group.protocolType ?? "",
    protocolData: isSettled ? (group.protocolName ?? "") : "",
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.details.groupInstanceId,
      clientId: member.details.clientId,
      clientHost: member.details.clientHost,
      memberMetadata: isSettled ? member.metadataOf(group.protocolName) : NO_BYTES,
      memberAssignment: isSettled ? member.assignment : NO_BYTES,
    })),
  };
}

const NO_BYTES = new Uint8Array(0);

function dead(groupId: string, errorCode: number, errorMessage: string | null) {
  return {
    errorCode,
    errorMessage,
    groupId,
    groupState: "Dead",
    protocolType: "",
    protocolData: "",
    members: [],
  };
}
