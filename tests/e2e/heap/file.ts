/** Returns the path of the file to which worker.ts writes the size of its heap, for heap_test.ts. */
export function heapFile(runtime: string, pid: number): string {
  return `${runtime}/heap-${pid}`;
}
