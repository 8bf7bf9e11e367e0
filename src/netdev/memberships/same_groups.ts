/** True if both sets have the same members. */
export function sameGroups(
  a: ReadonlySet<number>,
  b: ReadonlySet<number>,
): boolean {
  if (a.size !== b.size) return false;
  for (const group of a) if (!b.has(group)) return false;
  return true;
}
