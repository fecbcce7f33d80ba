/** What being a member of a group takes, and what shows it to the page. */
export { GroupClient } from "../core/group/group-client.ts";
export { memberService } from "./group-service.ts";
