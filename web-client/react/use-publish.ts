import { useCallback, useState } from "react";
import type { Publication, PublishRecord, Topic } from "../index.ts";

export interface Published<V, K = string> {
  /** As `topic.publish`; the same function each time for the same topic. */
  readonly publish: (record: PublishRecord<V, K>) => Publication;
  /** Records of this component that are not in the log yet. */
  readonly pending: number;
  /** Why the last one that was refused did not come into the log. */
  readonly error: Error | undefined;
}

export function usePublish<V, K>(topic: Topic<V, K>): Published<V, K> {
  const [pending, setPending] = useState(0);
  const [error, setError] = useState<Error>();
  const publish = useCallback(
    (record: PublishRecord<V, K>) => {
      const publication = topic.publish(record);
      setPending((count) => count + 1);
      publication.delivered
        .catch((failure: unknown) =>
          setError(failure instanceof Error ? failure : new Error(String(failure))),
        )
        .finally(() => setPending((count) => count - 1));
      return publication;
    },
    [topic],
  );
  return { publish, pending, error };
}
