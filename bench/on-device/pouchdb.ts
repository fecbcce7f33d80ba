/** The part of PouchDB that is measured. Its own types are a package for each of its parts. */
// @ts-expect-error: it has none of its own
import Untyped from "pouchdb-browser";

export interface PouchDatabase<Content> {
  bulkDocs(documents: readonly (Content & { _id: string })[]): Promise<object[]>;
  get(id: string): Promise<Content>;
  allDocs(options: { include_docs: true }): Promise<{ rows: readonly { doc?: Content }[] }>;
  close(): Promise<void>;
}

export const PouchDB = Untyped as new <Content>(name: string) => PouchDatabase<Content>;
