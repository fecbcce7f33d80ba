export function serveExamples(port: number): Promise<{ readonly address: string; close(): Promise<void> }>;
