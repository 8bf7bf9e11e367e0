/** Faults of the rig's subnet administrator, which a test writes to a file. */

/** No answer to any request, or a refusal of all joins with a MAD status. */
export type Fault =
  | { readonly kind: "silent" }
  | { readonly kind: "refusal"; readonly status: number };

/** Parses `silent` or `refuse STATUS`. Returns undefined for an empty text. Throws an Error for others. */
export function parseFault(text: string): Fault | undefined {
  const [word, status, ...rest] = text.trim().split(/\s+/);
  if (word === "") return undefined;
  if (word === "silent" && status === undefined) return { kind: "silent" };
  if (word === "refuse" && Number(status) > 0 && rest.length === 0) {
    return { kind: "refusal", status: Number(status) };
  }
  throw new Error(`Unknown fault of the subnet administrator: ${text}`);
}
