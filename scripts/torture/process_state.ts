/** What a process holds: descriptors, mappings, memory. */

export interface ProcessState {
  readonly descriptors: number;
  /** Mappings of files and of shared memory; those of the heap come and go. */
  readonly mappings: number;
  /** Resident memory in KiB. */
  readonly rssKib: number;
  /** Its anonymous part: heaps and stacks, without pages of files and shared memory. */
  readonly anonymousKib: number;
}

/** Of the process with this id, or of this one. Throws if it has ended. */
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
