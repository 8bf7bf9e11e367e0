/**
 * Deletion of many TAPs at once. The kernel waits for grace periods for each deletion, but only once for a group of
 * interfaces (rtnetlink(7), RTM_DELLINK with IFLA_GROUP).
 */

import { getLogger } from "../../base/log.ts";
import { IpoibError } from "../../base/errors.ts";
import { namespaceInode } from "../../system/namespace.ts";
import {
  IFLA_GROUP,
  linkRequest,
  parseLink,
  RTM_DELLINK,
  RTM_GETLINK,
} from "../rtnetlink/link_message.ts";
import { setLink } from "../rtnetlink/link_set.ts";
import { NLM_F_ACK, NLM_F_DUMP } from "../rtnetlink/message.ts";
import { RequestSocket } from "../rtnetlink/socket.ts";
import type { Tap } from "./tap.ts";

/** The largest number of a group that `ip link` accepts. */
const LAST_GROUP = 0x7fffffff;

/**
 * Deletes the devices of `taps`, which stay open. The devices of a namespace that has only one of them, and those that
 * the kernel does not delete, exist until they are closed.
 */
export function deleteTaps(taps: readonly Tap[]): void {
  using parts = new DisposableStack();
  const namespaces = new Map<bigint, { netns: number; ifindexes: number[] }>();
  for (const tap of taps) {
    const place = tap.locate();
    if (!place) continue;
    parts.use(place);
    const inode = namespaceInode(place.netns);
    const found = namespaces.get(inode) ??
      { netns: place.netns, ifindexes: [] };
    found.ifindexes.push(place.ifindex);
    namespaces.set(inode, found);
  }
  for (const { netns, ifindexes } of namespaces.values()) {
    if (ifindexes.length < 2) continue;
    try {
      deleteTogether(netns, ifindexes);
    } catch (error) {
      getLogger().debug(IpoibError.from(error).message);
    }
  }
}

function deleteTogether(netns: number, ifindexes: readonly number[]): void {
  using socket = new RequestSocket(netns);
  const group = unusedGroup(socket);
  for (const ifindex of ifindexes) setLink(socket, ifindex, { group });
  socket.request(
    linkRequest(RTM_DELLINK, 0, 0, 0, NLM_F_ACK)
      .attributeU32(IFLA_GROUP, group),
    "E_LINK_SET",
    `delete ${ifindexes.length} network interfaces`,
  );
}

/** Returns the number of a group without interfaces. */
function unusedGroup(socket: RequestSocket): number {
  const used = new Set(socket.dump(
    () => linkRequest(RTM_GETLINK, 0, 0, 0, NLM_F_DUMP),
    (message) => parseLink(message)?.group,
    "list network interfaces",
  ));
  let group = LAST_GROUP;
  while (used.has(group)) group--;
  return group;
}
