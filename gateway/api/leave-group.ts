import { leaveGroup } from "../../wire/apis/leave-group.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { failureOf } from "./failure.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** From this version on several members leave at once, and each has an answer of its own (KIP-345). */
const SEVERAL_FROM = 3;

/** LeaveGroup: by a member itself, or of static members by an operator. */
export const leaveGroupApi: ServedApi = serveApi(
  leaveGroup,
  async ({ groupId, memberId, members }, { services, apiVersion }) => {
    const leaving = apiVersion < SEVERAL_FROM ? [{ memberId, groupInstanceId: null }] : members;
    try {
      const codes = await services.groups.leave(groupId, leaving);
      if (apiVersion < SEVERAL_FROM) return { errorCode: codes[0] ?? ErrorCode.NONE, members: [] };
      return {
        errorCode: ErrorCode.NONE,
        members: leaving.map((member, index) => ({
          memberId: member.memberId,
          groupInstanceId: member.groupInstanceId,
          errorCode: codes[index] ?? ErrorCode.NONE,
        })),
      };
    } catch (error) {
      return { errorCode: failureOf(error, services).errorCode, members: [] };
    }
  },
);
