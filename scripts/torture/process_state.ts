/** Resources of a process: file descriptors, mappings, memory. */

/** Resources of a process at a point in time. */
export interface ProcessState {
  readonly descriptors: number;
  /** Number of mappings of files and shared memory, without heap mappings, which vary. */
  readonly mappings: number;
  /** Resident memory in KiB. */
  readonly rssKib: number;
  /** Anonymous resident memory in KiB: heaps and stacks, without pages of files and shared memory. */
  readonly anonymousKib: number;
}

/** Returns the resources of a process. Throws an Error if it has exited. */
export function processState(pid: number | "self" = "self"): ProcessState {
  const text = (file: string) => Deno.readTextFileSync(`/proc/${pid}/${file}`);
  let descriptors = 0;
  for (const _ of Deno.readDirSync(`/proc/${pid}/fd`)) descriptors++;
  const status = text("status");
  const kib = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0);
  return {
    descriptors,
    mappings: text("maps").match(/ \/.*$/gm)?.length ?? 0,
    rssKib: kib("VmRSS"),
    anonymousKib: kib("RssAnon"),
  };
}
