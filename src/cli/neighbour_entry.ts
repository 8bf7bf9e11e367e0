/**
 * The words after `neigh add`, `change`, `replace` and `del`: `[to] ADDR [lladdr LLADDR] [dev IF] [nud permanent]`, in
 * any order, as those of `ip neigh`.
 */

import { isIpAddress } from "../ipc/schema.ts";
import { NONE, type Source, words } from "./completion/candidates.ts";
import { keywords, type Operands } from "./completion/grammar.ts";
import { INTERFACES } from "./completion/live.ts";
import { usageError } from "./errors.ts";
import { parseKeywords } from "./keywords.ts";

const KEYWORDS = ["to", "lladdr", "dev", "nud"] as const;
/** The state of static neighbours, which are the only ones that the commands add. */
const PERMANENT = "permanent";
/** 20 bytes in hexadecimal digits. */
const LINK_ADDRESS = /^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){19}$/i;

export interface NeighbourEntry {
  readonly dst: string;
  readonly lladdr: string | undefined;
  readonly dev: string | undefined;
}

/** Returns the words, for completion. */
export function entryOperands(address: Source): Operands {
  return keywords({
    free: address,
    values: {
      to: address,
      lladdr: NONE,
      dev: INTERFACES,
      nud: words(PERMANENT),
    },
  });
}

/** Parses the words. Throws `E_USAGE`. */
export function parseNeighbourEntry(given: readonly string[]): NeighbourEntry {
  const found = parseKeywords(withKeyword(given), KEYWORDS);
  const { to: dst, lladdr, dev, nud } = found;
  if (dst === undefined) throw usageError("The IP address is missing");
  if (!isIpAddress(dst)) {
    throw usageError(`"${dst}" is not an IP address`);
  }
  if (nud !== undefined && nud !== PERMANENT) {
    throw usageError(
      `State "${nud}" is not supported`,
      `static neighbours are ${PERMANENT}`,
    );
  }
  if (lladdr !== undefined && !LINK_ADDRESS.test(lladdr)) {
    throw usageError(
      `Invalid InfiniBand link-layer address "${lladdr}"`,
      "expected 20 bytes, as `ipoib neigh show` prints them",
    );
  }
  return { dst, lladdr, dev };
}

/** Inserts the keyword of the address, which is the first word in the place of a keyword that is none. */
function withKeyword(given: readonly string[]): readonly string[] {
  const at = given.findIndex((word, i) =>
    i % 2 === 0 && !KEYWORDS.some((each) => each === word)
  );
  return at < 0 || given.includes("to")
    ? given
    : [...given.slice(0, at), "to", ...given.slice(at)];
}
