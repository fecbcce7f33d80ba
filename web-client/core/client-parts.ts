/** What the parts of one client share. */
import type { RecordEngine } from "../../log/engine.ts";
import type { BulkHistory } from "../../sync/history.ts";
import type { LiveConnection } from "../../sync/live-connection.ts";
import type { Metadata } from "../../sync/metadata.ts";
import type { Outbox } from "../../sync/outbox.ts";
import type { ReplicateOptions } from "./api.ts";
import type { ClientHost } from "./client-host.ts";
import type { Device } from "./device.ts";
import type { Codec } from "./received-record.ts";
import type { Leading } from "./leading.ts";
import type { PublishedHere } from "./local-reading.ts";
import type { ReplicaClient } from "./replica-client.ts";
import type { StoredPositions } from "./stored-positions.ts";
import type { TabChannel } from "./tab-channel.ts";

export interface ClientParts {
  readonly host: ClientHost;
  readonly upstream: LiveConnection;
  readonly metadata: Metadata;
  readonly engine: RecordEngine;
  readonly history: BulkHistory;
  readonly device: Device;
  readonly outbox: Outbox;
  readonly published: PublishedHere;
  readonly channel: TabChannel;
  /** Where readers left off. */
  readonly positions: StoredPositions;
  /** Closed before the connection is, so that they can say that they leave. */
  readonly groups: Set<{ close(): Promise<void> }>;
  readonly leading: Leading;
  /** Aborts when the client closes. */
  readonly signal: AbortSignal;
  replicate<V, K>(topic: string, codec: Codec<V, K>, options: ReplicateOptions): Promise<ReplicaClient<V, K>>;
}
