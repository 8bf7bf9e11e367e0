/**
 * The keys that change a running interface, in the order in which they are applied: how each is read from a file, and
 * how it is written. Names and values are those of the commands `link set`, `ethtool -C`, `ethtool -K` and `param`.
 */

import { ADDR_GEN_MODES } from "../../base/addr_gen_mode.ts";
import { MIN_DATAGRAM_MTU } from "../../base/units.ts";
import type {
  CoalesceRecord,
  FeatureRecord,
  LinkRecord,
  ParamRecord,
} from "../../ipc/schema.ts";
import { WRITABLE_PARAMETERS } from "../../ipc/schema.ts";
import type { SetupCall } from "../../ipc/setup.ts";
import { LINK_CHANGES } from "../commands/link_set.ts";
import {
  FeatureError,
  FeatureRefusal,
  readFeatures,
  startsWithFeature,
} from "../ethtool_features.ts";
import {
  COALESCE,
  ParameterError,
  readParameters,
} from "../ethtool_parameters.ts";
import { usageError } from "../errors.ts";
import { integer, parseInteger } from "../options.ts";

/** The state of an interface. */
export interface InterfaceState {
  readonly link: LinkRecord;
  readonly coalesce: CoalesceRecord;
  readonly features: readonly FeatureRecord[];
  readonly params: readonly ParamRecord[];
  /** Size of the receive ring, and that of a new interface. */
  readonly ring: number;
  readonly newRing: number;
}

export interface Setting {
  /** One line for the help. */
  readonly description: string;
  /** Parses a value. Throws `E_USAGE` and InvalidArgumentError. */
  readonly read: (ifname: string, value: string) => SetupCall;
  /** Returns the value of an interface; undefined if it is that of a new interface. */
  readonly shown: (state: InterfaceState) => string | undefined;
  /**
   * "child" if the key is an option of `ipoib up` for a parent; "parent" if it applies to a parent and its children.
   * Default: both kinds of interfaces have the key.
   */
  readonly only?: "child" | "parent";
}

/** Length of the transmit queue of a new interface, in packets. */
const NEW_TX_QUEUE = 1000;

/** Returns the administrator's MTU; undefined if connected mode allowed it, and datagram mode does not. */
export function configuredMtu(
  { mtu_chain: { admin }, linkinfo: { info_data: { mode } } }: LinkRecord,
): number | undefined {
  if (admin === undefined || mode === "connected") return admin;
  return admin < MIN_DATAGRAM_MTU ? undefined : admin;
}

/** Returns a setting of `ipoib link set`. */
function link(
  word: keyof typeof LINK_CHANGES,
  description: string,
  shown: (link: LinkRecord) => string | number | undefined,
  only?: "child",
): Setting {
  return {
    description,
    read: (name, value) => ({
      method: "link.set",
      params: { name, ...LINK_CHANGES[word]!(value) },
    }),
    shown: ({ link }) => shown(link)?.toString(),
    ...only === undefined ? {} : { only },
  };
}

/** Returns a setting of `ipoib ethtool -C`. */
function coalesce(
  word: keyof CoalesceRecord,
  description: string,
  text: (value: number) => string = String,
): Setting {
  return {
    description,
    read: (name, value) => ({
      method: "coalesce.set",
      params: {
        name,
        values: asUsage(() => readParameters([word, value], COALESCE)),
      },
    }),
    shown: ({ coalesce }) =>
      coalesce[word] === 0 ? undefined : text(coalesce[word]),
  };
}

/** Returns a setting of `ipoib param`. */
function parameter(param: string): Setting {
  return {
    description: `level of ${
      param.replaceAll("_", " ").replace(" level", "")
    } messages in the log, 0 or 1; also for the children`,
    only: "parent",
    read: (name, value) => {
      if (parseInteger(value) === undefined) {
        throw usageError(`Invalid value "${value}" of ${param}`);
      }
      return { method: "param.set", params: { name, param, value } };
    },
    shown: ({ params }) => {
      const value = params.find((each) => each.param === param)?.value ?? 0;
      return value === 0 ? undefined : String(value);
    },
  };
}

/** Converts the errors of the parsers of ethtool's words to `E_USAGE`. */
function asUsage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const known = error instanceof ParameterError ||
      error instanceof FeatureError || error instanceof FeatureRefusal;
    if (!known) throw error;
    const [first = ""] = error.message.split("\n");
    const text = first.replace(/^(ethtool \(-.\)|netlink error): /, "");
    throw usageError(text.charAt(0).toUpperCase() + text.slice(1));
  }
}

/** Splits pairs of a feature and `on` or `off`. Throws `E_USAGE`. */
function featureWords(value: string): string[] {
  const words = value.split(/\s+/);
  for (let at = 0; at < words.length; at += 2) {
    const [name, state] = words.slice(at, at + 2);
    if (state !== "on" && state !== "off") {
      throw usageError(`Feature "${name}" needs on or off`);
    }
    if (!startsWithFeature([name, state])) {
      throw usageError(`Unknown feature "${name}"`);
    }
  }
  return words;
}

export const SETTINGS: Readonly<Record<string, Setting>> = {
  // The mode first, because it limits the MTU.
  "mode": link(
    "mode",
    "IPoIB mode: datagram or connected (default: datagram)",
    ({ linkinfo: { info_data: { mode } } }) =>
      mode === "datagram" ? undefined : mode,
    "child",
  ),
  "mtu": link(
    "mtu",
    "interface MTU in bytes",
    configuredMtu,
    "child",
  ),
  "recv-queue-size": {
    description:
      "packets that can wait in the receive queue (default: that of the parent)",
    only: "child",
    read: (name, value) => ({
      method: "rings.set",
      params: { name, rx: integer(2, 8192)(value) },
    }),
    shown: ({ ring, newRing }) => ring === newRing ? undefined : String(ring),
  },
  "umcast": link(
    "umcast",
    "1 to ignore multicast groups that other programs have joined (default: 0)",
    ({ linkinfo: { info_data: { umcast } } }) =>
      Number(umcast) === 0 ? undefined : Number(umcast),
  ),
  "alias": link("alias", "text that `ip link` shows", ({ ifalias }) => ifalias),
  "txqueuelen": link(
    "txqueuelen",
    `packets that can wait in the queue of the network device (default: ${NEW_TX_QUEUE})`,
    ({ txqlen }) => txqlen === NEW_TX_QUEUE ? undefined : txqlen,
  ),
  "group": link(
    "group",
    "number of the group of the network device (default: 0)",
    ({ group }) => group === "default" ? undefined : group,
  ),
  "addrgenmode": link(
    "addrgenmode",
    `how link-local addresses are formed: ${
      ADDR_GEN_MODES.join(", ")
    } (default: eui64)`,
    ({ inet6_addr_gen_mode: mode }) => mode === "eui64" ? undefined : mode,
  ),
  "rx-usecs": coalesce(
    "rx-usecs",
    "microseconds by which a receive event may be delayed (default: 0)",
  ),
  "rx-frames": coalesce(
    "rx-frames",
    "packets after which a receive event is not delayed further (default: 0)",
  ),
  "adaptive-rx": coalesce(
    "adaptive-rx",
    "on to choose the delay by the load, or off (default: off)",
    () => "on",
  ),
  "features": {
    description:
      "offloads as of ethtool -K, each with on or off: tso off gro off",
    read: (name, value) => ({
      method: "features.set",
      params: {
        name,
        request: Object.fromEntries(
          asUsage(() => readFeatures(featureWords(value), name)),
        ),
      },
    }),
    shown: ({ features }) => {
      const changed = features.filter((each) =>
        each.default !== undefined && each.requested !== each.default
      );
      return changed.length === 0
        ? undefined
        : changed.map(({ name, requested }) =>
          `${name} ${requested ? "on" : "off"}`
        ).join(" ");
    },
  },
  ...Object.fromEntries(
    WRITABLE_PARAMETERS.map((param) => [param, parameter(param)]),
  ),
};
