/**
 * Converts the statements of a partitions.conf, in order, to partitions, as OpenSM's osm_prtn.c and osm_prtn_config.c
 * do without the options `qos` and `allow_both_pkeys`:
 *
 * - The default partition exists before the first statement: all ports are limited members, the manager is a full
 *   member.
 * - A statement with the P_Key of an earlier one, or with its name and no P_Key, extends that partition.
 * - The last entry that names a port determines its membership. `both` means `full`.
 * - The `sl` flag of a partition is ignored; the service level is 0.
 * - A group that `mgid` defines inherits the flags of the partition except TClass.
 * - The scope of a broadcast group is always link-local. A group that `mgid` defines is created in each scope of the
 *   partition's `scope` flags and its own, or in the link-local scope if there are none. The scope in the MGID is
 *   ignored.
 * - The first definition of a group applies.
 * - A partition without members, or with router members only, is dropped.
 */

import { hex } from "../../base/hex.ts";
import { FULL_MEMBER } from "../../base/units.ts";
import { gidKey, parseGid } from "../../wire/gid.ts";
import {
  broadcastMgid,
  MgidScope,
  MgidSignature,
  mgidSignature,
} from "../../wire/mgid.ts";
import { rateMbps } from "../../base/rates.ts";
import {
  DEFAULT_PARTITION,
  type GroupDefinition,
  IPOIB_QKEY,
  type IpoibOptions,
  type Partition,
  type PartitionMember,
  type PortSelector,
} from "../partitions.ts";
import { SA_SIGNATURE } from "../groups.ts";
import {
  applyGroupFlag,
  bigOf,
  DEFAULT_FLAGS,
  type GroupFlags,
  numberOf,
} from "./group_flags.ts";
import {
  confError,
  type Item,
  type Statement,
  type Word,
} from "./statements.ts";

/** The partitions that a file defines, and warnings about ignored or replaced parts. */
export interface PartitionsConf {
  partitions: Partition[];
  /** Each `FILE:LINE:COLUMN: message`. */
  warnings: string[];
}

interface Draft {
  readonly name: string;
  readonly pkey: number;
  ipoib?: IpoibOptions;
  readonly members: PartitionMember[];
  readonly groups: GroupDefinition[];
}

const SELECTORS = [
  "ALL",
  "ALL_CAS",
  "ALL_SWITCHES",
  "ALL_ROUTERS",
  "SELF",
] as const satisfies readonly PortSelector[];
const MEMBERSHIPS = ["full", "both", "limited"] as const;
const MAX_MTU_CODE = 5;
const PORTS = `a port GUID (0x0002c90300000001), ${SELECTORS.join(", ")}`;

/**
 * Returns the partitions that the statements define.
 *
 * @param file the file's name, for messages.
 * @throws IpoibError `E_PARTITIONS_CONF` (EINVAL) if a P_Key, port or MGID is invalid.
 */
export function resolve(
  statements: readonly Statement[],
  file: string,
): PartitionsConf {
  return new Resolver(file).run(statements);
}

class Resolver {
  readonly #drafts: Draft[] = [{
    name: "Default",
    pkey: DEFAULT_PARTITION,
    members: [
      { port: "ALL", membership: "limited" },
      { port: "SELF", membership: "full" },
    ],
    groups: [],
  }];
  readonly #warnings: string[] = [];
  /** MGIDs of the groups defined so far, as `gidKey` returns them. */
  readonly #groups = new Set<string>();
  readonly #file: string;
  /** The last P_Key that was generated for a name without P_Key. */
  #generated = 0;

  constructor(file: string) {
    this.#file = file;
  }

  run(statements: readonly Statement[]): PartitionsConf {
    for (const statement of statements) this.#define(statement);
    const partitions = this.#drafts
      .filter(({ members }) =>
        members.some(({ port }) => port !== "ALL_ROUTERS")
      )
      .map(({ groups, ...draft }): Partition => ({
        ...draft,
        ...(groups.length > 0 ? { groups } : {}),
      }));
    return { partitions, warnings: this.#warnings };
  }

  #define({ head, flags: words, items }: Statement): void {
    const flags = { ...DEFAULT_FLAGS };
    let [ipoib, first] = [false, false];
    let membership: PartitionMember["membership"] = "limited";
    for (const word of words) {
      if (applyGroupFlag(flags, word, this.#warn)) continue;
      if ("ipoib".startsWith(word.name)) ipoib = true;
      else if ("defmember".startsWith(word.name)) {
        membership = membershipOf(word.value) ?? membership;
        if (membershipOf(word.value) === undefined) {
          this.#warn(
            word,
            `defmember is not full, limited or both, ${membership} used`,
          );
        }
      } else if (word.name === "indx0") first = true;
      else this.#warn(word, `unknown flag "${word.name}" ignored`);
    }
    if (flags.sl !== 0) {
      this.#warn(head, "quality of service is not supported, sl 0 used");
      flags.sl = 0;
    }
    const draft = this.#partition(head);
    if (ipoib) this.#addBroadcast(draft, flags, head);
    for (const item of items) {
      if (item.kind === "group") this.#addGroup(draft, flags, item);
      else this.#addPort(draft, membership, item.word, first);
    }
  }

  /** Returns the partition that a head names: an earlier one, or a new one. */
  #partition(head: Word): Draft {
    const unnamed = head.value === undefined && /^[0-9]/.test(head.name);
    const id = unnamed ? head.name : head.value;
    const name = unnamed ? "" : head.name;
    const number = id === undefined ? 0 : numberOf(id);
    if (number === undefined) {
      throw confError(
        this.#file,
        head,
        `"${id}" is not a P_Key`,
        "a number such as 0x8001",
      );
    }
    let pkey = number & ~FULL_MEMBER & 0xffff;
    if (pkey === 0) {
      const named = name !== "" && this.#drafts.find((d) => d.name === name);
      if (named) return named;
      do pkey = ++this.#generated; while (
        this.#drafts.some((draft) => draft.pkey === pkey)
      );
    }
    const known = this.#drafts.find((draft) => draft.pkey === pkey);
    if (known !== undefined) return known;
    const draft: Draft = {
      name: name || hex(pkey).slice(2),
      pkey,
      members: [],
      groups: [],
    };
    this.#drafts.push(draft);
    return draft;
  }

  #addPort(
    draft: Draft,
    byDefault: PartitionMember["membership"],
    word: Word,
    first: boolean,
  ): void {
    if ("NONE".startsWith(word.name)) return;
    let membership = byDefault;
    if (word.value !== undefined) {
      membership = membershipOf(word.value) ?? "limited";
      if (membershipOf(word.value) === undefined) {
        this.#warn(
          word,
          `unknown membership "${word.value}", limited used`,
        );
      }
    }
    const port = SELECTORS.find((s) => s.startsWith(word.name)) ??
      bigOf(word.name);
    if (port === undefined || port === 0n) {
      throw confError(this.#file, word, `"${word.name}" is not a port`, PORTS);
    }
    draft.members.push({
      port,
      membership: membership === "both" ? "full" : membership,
      ...(first ? { first } : {}),
    });
  }

  #addBroadcast(draft: Draft, flags: GroupFlags, at: Word): void {
    const { mtu, rate, sl, tclass, flowLabel } = flags;
    const qkey = flags.qkey || IPOIB_QKEY;
    const mgid = broadcastMgid(draft.pkey);
    if (!this.#validCodes(flags, at) || !this.#claim(mgid)) return;
    const scopes = [MgidScope.LinkLocal];
    draft.ipoib = { mtu, rate, sl, scopes, qkey, tclass, flowLabel };
  }

  #addGroup(
    draft: Draft,
    inherited: GroupFlags,
    { word, flags: words }: Item & { kind: "group" },
  ): void {
    const mgid = parseGid(word.value ?? "");
    if (mgid === undefined || mgid[0] !== 0xff) {
      throw confError(
        this.#file,
        word,
        `"${word.value ?? ""}" is not a multicast GID`,
        "an MGID such as ff12:401b::1",
      );
    }
    const flags = { ...inherited, tclass: 0 };
    for (const flag of words) {
      if (!applyGroupFlag(flags, flag, this.#warn)) {
        this.#warn(flag, `unknown group flag "${flag.name}" ignored`);
      }
    }
    const signature = mgidSignature(mgid);
    const link = signature === MgidSignature.Ipv4 ||
      signature === MgidSignature.Ipv6;
    if (link && !this.#fitLink(draft, mgid, inherited, flags, word)) return;
    if (this.#groups.has(gidKey(mgid))) return;
    if (!this.#validCodes(flags, word)) return;
    for (const scope of scopesOf(flags)) {
      const scoped = mgid.slice();
      scoped[1] = scoped[1]! & 0xf0 | scope;
      if (link && !this.#groups.has(gidKey(broadcastMgid(draft.pkey, scope)))) {
        this.#warn(
          word,
          `the partition has no broadcast group with scope ${scope}, group ignored`,
        );
        continue;
      }
      if (!link && !this.#wellFormed(scoped, word)) continue;
      if (!this.#claim(scoped)) continue;
      const { mtu, rate, sl, qkey, tclass, flowLabel } = flags;
      draft.groups.push({
        ...{ mtu, rate, sl, qkey, tclass, flowLabel },
        mgid: scoped,
      });
    }
  }

  /**
   * Completes an IPoIB group of the partition: writes the P_Key to the MGID and sets the default Q_Key. Returns false,
   * with a warning, if the MGID has another P_Key or if rate or MTU differ from the partition's flags.
   */
  #fitLink(
    draft: Draft,
    mgid: Uint8Array,
    broadcast: GroupFlags,
    flags: GroupFlags,
    word: Word,
  ): boolean {
    const pkey = draft.pkey | FULL_MEMBER;
    const view = new DataView(mgid.buffer, mgid.byteOffset);
    const asked = view.getUint16(4);
    const everywhere = gidKey(mgid) === gidKey(broadcastMgid(0xffff));
    if (asked !== 0 && asked !== pkey && !everywhere) {
      this.#warn(
        word,
        `the MGID has P_Key ${hex(asked)}, not ${hex(pkey)}, group ignored`,
      );
      return false;
    }
    if (flags.rate !== broadcast.rate || flags.mtu !== broadcast.mtu) {
      this.#warn(
        word,
        "rate or mtu differs from the broadcast group's, group ignored",
      );
      return false;
    }
    view.setUint16(4, pkey);
    flags.qkey ||= IPOIB_QKEY;
    return true;
  }

  /** Checks the MGID of a group without an IPoIB signature. Returns false, with a warning, if it is invalid. */
  #wellFormed(mgid: Uint8Array, at: Word): boolean {
    const reserved = (mgid[1]! & 0xe0) !== 0;
    const generated = mgidSignature(mgid) === SA_SIGNATURE &&
      (mgid[1]! & 15) === MgidScope.LinkLocal;
    if (!reserved && !generated) return true;
    this.#warn(
      at,
      "the MGID has reserved flags or the administrator's signature, group ignored",
    );
    return false;
  }

  #validCodes({ mtu, rate }: GroupFlags, at: Word): boolean {
    if (mtu >= 1 && mtu <= MAX_MTU_CODE && rateMbps(rate) !== undefined) {
      return true;
    }
    this.#warn(
      at,
      `MTU code ${mtu} or rate code ${rate} is invalid, group ignored`,
    );
    return false;
  }

  /** Records an MGID; returns false if an earlier definition has it. */
  #claim(mgid: Uint8Array): boolean {
    const key = gidKey(mgid);
    if (this.#groups.has(key)) return false;
    this.#groups.add(key);
    return true;
  }

  readonly #warn = (word: Word, message: string): void => {
    this.#warnings.push(
      `${this.#file}:${word.line}:${word.column}: ${message}`,
    );
  };
}

function membershipOf(
  text: string | undefined,
): PartitionMember["membership"] | undefined {
  return text === undefined
    ? undefined
    : MEMBERSHIPS.find((membership) => membership.startsWith(text));
}

function scopesOf({ scopes }: GroupFlags): number[] {
  if (scopes === 0) return [MgidScope.LinkLocal];
  return Array.from({ length: 16 }, (_, scope) => scope)
    .filter((scope) => (scopes & 1 << scope) !== 0);
}
