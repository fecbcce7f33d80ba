/** A client as the app has it where it runs in the app's own thread. */
import { adminClient } from "./admin/admin-client.ts";
import type { ConnectionState, Rivulet, TopicOptions } from "./api.ts";
import type { Admin } from "./api-admin.ts";
import { CoreClient } from "./core-client.ts";
import type { CoreClientOptions } from "./core-client.ts";
import { GroupClient } from "./group/group-client.ts";
import { codecOf } from "./received-record.ts";
import { TopicClient } from "./topic-client.ts";
import { connectionStates } from "./watch.ts";

export class RivuletClient extends CoreClient implements Rivulet {
  readonly runsIn = "page";
  readonly admin: Admin;

  constructor(options: CoreClientOptions) {
    super(options);
    this.admin = adminClient(this.parts);
  }

  states({ signal }: { signal?: AbortSignal } = {}): AsyncGenerator<ConnectionState, void, void> {
    return connectionStates(this, signal);
  }

  topic(name: string): TopicClient<Uint8Array, string>;
  topic<V, K = string>(name: string, options: TopicOptions<V, K>): TopicClient<V, K>;
  topic<V, K>(name: string, options?: TopicOptions<V, K>): TopicClient<V, K> {
    return new TopicClient(name, this.parts, codecOf(options));
  }

  group(groupId: string): GroupClient {
    return new GroupClient(groupId, this.parts);
  }
}
