/** GIDs as text for users: in one notation, so that one command's output can be searched for that of another. */

/**
 * Converts a GID of eight groups, as records have it after ib_ipoib's debugfs files, to the notation of RFC 5952
 * (`fe80::2:c903:0:1`), which events, captures and the subnet use. Returns any other text as it is.
 */
export function shortGid(text: string): string {
  const groups = text.split(":");
  if (groups.length !== 8 || groups.includes("")) return text;
  let start = 0;
  let length = 0;
  for (let at = 0; at < 8; at++) {
    let end = at;
    while (groups[end] === "0") end++;
    if (end - at > length) [start, length] = [at, end - at];
  }
  if (length < 2) return text;
  const head = groups.slice(0, start).join(":");
  return `${head}::${groups.slice(start + length).join(":")}`;
}
