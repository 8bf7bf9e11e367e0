/**
 * The flag `umcast` of ib_ipoib: a group that the kernel joins is not joined on the port if another program on the port,
 * such as a user of the RDMA connection manager, has joined it already (as in Linux ipoib_mcast_restart_task). The
 * interface then receives no packets of the group; it sends to the group as a send-only member.
 *
 * The driver finds such groups in the kernel's table of the port (ib_sa_get_mcmember_rec), which no process can read.
 * Here the administrator is asked, which does not say for whom the port is a member: a membership of ib_ipoib counts too,
 * and so does one that a killed process has left behind, but none that this process has. A group is asked for again
 * after 30 to 60 s, and joined once the port is no longer a member. It is also joined if the administrator does not
 * answer.
 */

import type { Millis } from "../../base/units.ts";
import type { HcaPort } from "../../hca/hca.ts";
import type { PortMemberships } from "../../sa/port_memberships.ts";
import type { SaResult } from "../../sa/result.ts";
import { formatGid, gidKey } from "../../wire/gid.ts";
import type { McMemberRecord } from "../../wire/sa/mc_member_record.ts";
import type { DebugLog } from "../debug_log.ts";
import { type CheckedGroup, PacedChecks } from "./paced_checks.ts";

/** Dependencies of {@linkcode ForeignGroups}. */
export interface ForeignGroupParts {
  readonly port: Pick<HcaPort, "attributes">;
  readonly memberships: Pick<PortMemberships, "check" | "isOwn">;
  /** Returns the GID of the port, 16 bytes. */
  readonly portGid: () => Uint8Array;
  /** Called with a group that no other program has joined. */
  readonly onFree: (mgid: Uint8Array, now: Millis) => void;
  readonly debug: DebugLog;
}

/** A group that the kernel has joined and the interface has not. */
interface UnjoinedGroup extends CheckedGroup {
  /** True if another program has joined the group; false until the first check. */
  foreign: boolean;
}

export class ForeignGroups {
  readonly #parts: ForeignGroupParts;
  readonly #groups = new Map<string, UnjoinedGroup>();
  readonly #checks: PacedChecks<UnjoinedGroup>;
  #enabled = false;

  constructor(parts: ForeignGroupParts) {
    this.#parts = parts;
    this.#checks = new PacedChecks({
      ...parts,
      groups: () => this.#groups.values(),
      onAnswer: (group, answer, now) => this.#onAnswer(group, answer, now),
      onNoAnswer: (_failure, now) => this.#freeAll(now),
    });
  }

  /** The flag. False by default. */
  get enabled(): boolean {
    return this.#enabled;
  }

  /** Sets the flag at `now`. Groups that are joined stay joined; those that are not are joined if it is cleared. */
  setEnabled(enabled: boolean, now: Millis): void {
    this.#enabled = enabled;
    if (enabled) return;
    this.#freeAll(now);
  }

  /**
   * Returns the groups of `wanted` (MGIDs by their keys) to join now. The others are checked, and passed to `onFree` if
   * no other program has joined them. On Ethernet ports no administrator knows of other programs.
   *
   * @param isJoined returns true if the interface has joined the group for the kernel
   */
  select(
    wanted: ReadonlyMap<string, Uint8Array>,
    isJoined: (key: string) => boolean,
    now: Millis,
  ): ReadonlyMap<string, Uint8Array> {
    const { memberships, port } = this.#parts;
    if (!this.#enabled || port.attributes.linkLayer === "ethernet") {
      return wanted;
    }
    for (const key of this.#groups.keys()) {
      if (!wanted.has(key)) this.#groups.delete(key);
    }
    const selected = new Map<string, Uint8Array>();
    for (const [key, mgid] of wanted) {
      if (this.#groups.has(key)) continue;
      if (isJoined(key) || memberships.isOwn(mgid)) {
        selected.set(key, mgid);
      } else this.#groups.set(key, { mgid, checkAt: now, foreign: false });
    }
    return selected;
  }

  /** See {@linkcode PacedChecks.deadline}. */
  get deadline(): Millis {
    return this.#checks.deadline;
  }

  /** See {@linkcode PacedChecks.run}. */
  run(now: Millis, done: () => void): void {
    this.#checks.run(now, done);
  }

  /** Forgets all groups. */
  clear(): void {
    this.#groups.clear();
    this.#checks.stop();
  }

  #onAnswer(
    group: UnjoinedGroup,
    answer: SaResult<McMemberRecord>,
    now: Millis,
  ): void {
    const { memberships, onFree, debug } = this.#parts;
    const { mgid, foreign } = group;
    // The interface may have sent to the group since it was selected, and so be the member itself.
    if (answer.ok && (foreign || !memberships.isOwn(mgid))) {
      group.foreign = true;
      debug.multicast(() =>
        `ignoring multicast entry for mgid ${formatGid(mgid)}`
      );
      return;
    }
    this.#groups.delete(gidKey(mgid));
    onFree(mgid, now);
  }

  #freeAll(now: Millis): void {
    const groups = [...this.#groups.values()];
    this.clear();
    for (const { mgid } of groups) this.#parts.onFree(mgid, now);
  }
}
