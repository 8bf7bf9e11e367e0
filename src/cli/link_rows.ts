/** Order of interfaces, and the row of one that does not answer. */

import type { IpoibError } from "../base/errors.ts";
import type { LinkRecord } from "../ipc/schema.ts";
import type { AbsentLink } from "./render/link_lines.ts";

/** Members of `Shown` that the lists of interfaces share. */
export const linkRows = {
  /** By index, as in `ip`; those that do not answer last. */
  order: (a: LinkRecord | AbsentLink, b: LinkRecord | AbsentLink): number =>
    indexOf(a) - indexOf(b),
  absent: (ifname: string, { code, message }: IpoibError): AbsentLink => ({
    ifname,
    state: code === "E_IPC_TIMEOUT" ? "not answering" : message,
  }),
  showsNamespace: true,
} as const;

function indexOf(link: LinkRecord | AbsentLink): number {
  return "ifindex" in link ? link.ifindex : Number.MAX_SAFE_INTEGER;
}
