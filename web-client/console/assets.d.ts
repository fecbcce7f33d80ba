declare module "*.svg" {
  /** Where the built file is served. */
  const path: string;
  export default path;
}

declare module "*.css";
