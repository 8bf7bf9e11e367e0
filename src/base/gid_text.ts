/**
 * GIDs and IPv6 addresses as text for users: in the notation of RFC 5952, so that one command's output can be searched
 * for that of another.
 */

/**
 * Converts a GID of eight groups, as records have it after ib_ipoib's debugfs files, to the notation of RFC 5952
 * (`fe80::2:c903:0:1`), which events, captures and the subnet use. Returns any other text as it is.
 */
export function shortGid(text: string): string {
  const groups = text.split(":");
  return groups.length !== 8 || groups.includes("")
    ? text
    : compressGroups(groups);
}

/** Joins eight groups of hexadecimal digits, and compresses the longest run of zeros (RFC 5952 section 4). */
export function compressGroups(groups: readonly string[]): string {
  let start = 0;
  let length = 1;
  for (let at = 0; at < groups.length; at++) {
    let end = at;
    while (groups[end] === "0") end++;
    if (end - at > length) [start, length] = [at, end - at];
  }
  if (length < 2) return groups.join(":");
  const head = groups.slice(0, start).join(":");
  return `${head}::${groups.slice(start + length).join(":")}`;
}
